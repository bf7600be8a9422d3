#include "actors/broker/inspect/inspector.hpp"

#include "actors/runtime/loop_coordinator.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace troupe::broker {

inspector::inspector(broker_context& context, std::string node)
    : context_(context), node_(std::move(node)) {
  add_actor_questions(*this);
  add_client_questions(*this);
  add_queue_questions(*this);
  add_topic_questions(*this);
  add_top_questions(*this);
  add_retained_questions(*this);
}

row_sum inspector::sum_of(std::string_view what) const {
  const auto found = handlers_.find(what);
  return found == handlers_.end() ? nullptr : found->second.sum;
}

void inspector::answer(observe::admin_question question, answered done) {
  const auto how = handlers_.find(question.what);
  if (how == handlers_.end())
    return done({501, "This node does not know the question \"" + question.what + "\"", {}, false});
  if (context_.stopping.load() || context_.released())
    return done({503, "The node is stopping", {}, false});
  if (open_.fetch_add(1) >= most_at_once) {
    open_.fetch_sub(1);
    return done({503, "Too many administrators ask at the same time", {}, false});
  }
  question.limit = std::clamp<std::uint32_t>(question.limit, 1, most_rows);
  // Also if the question is dropped with its last step, at the end of the node.
  const auto place = std::shared_ptr<void>(nullptr, [this](void*) { open_.fetch_sub(1); });
  how->second.how(question, [place, done = std::move(done)](observe::admin_answer answer) {
    done(std::move(answer));
  });
}

bool inspector::later(const observe::admin_question& question, std::function<void()> work) const {
  constexpr std::uint64_t least = 100;
  constexpr std::uint64_t usual = 1'000;
  constexpr std::uint64_t most = 5'000;
  const std::chrono::milliseconds interval(
      std::clamp(question.number("interval", usual), least, most));
  auto& loop = context_.loops.loop(0);
  return loop.post([&loop, interval, work = std::move(work)] {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop.io(), interval);
    timer->async_wait([timer, work](const boost::system::error_code& cancelled) {
      if (!cancelled) work();
    });
  });
}

std::vector<page_rows> inspector::parts(const observe::admin_question& question) const {
  return std::vector<page_rows>(context_.loops.loops(), page_rows(question.after, question.limit));
}

page_rows& inspector::part_here(std::vector<page_rows>& parts) {
  const auto* loop = runtime::run_loop::current();
  return parts[loop != nullptr ? loop->index() : 0];
}

}  // namespace troupe::broker
