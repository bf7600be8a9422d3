#include "actors/broker/inspect/all_nodes.hpp"

#include "actors/runtime/loop_coordinator.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace troupe::broker {

using observe::admin_answer;
using observe::admin_gathered;
using observe::admin_question;

/// The answers to one question as they come; says what there is when all have come, or when
/// the time is over.
class all_nodes::gathering : public std::enable_shared_from_this<gathering> {
 public:
  gathering(std::uint32_t limit, row_sum sum, std::function<void(admin_gathered)> done)
      : limit_(limit), sum_(sum), done_(std::move(done)) {}

  void expect(const std::string& name) { silent_.push_back(name); }
  void asked(std::uint64_t request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }

  /// Null: it will not come.
  void came(const std::string& name, const admin_answer* answer) {
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      if (over_) return;
      // A node that is too busy has not answered either.
      if (answer != nullptr && answer->status != 503 && answer->status != 501) {
        std::erase(silent_, name);
        answers_.push_back(*answer);
      }
      last = over_ = ++ended_ == wanted_;
    }
    if (last) finish();
  }

  void begin(std::size_t wanted) { wanted_ = wanted; }

  /// Answers the questions to be given up.
  std::vector<std::uint64_t> time_is_over() {
    std::vector<std::uint64_t> open;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(over_, true)) return {};
      open = requests_;
    }
    finish();
    return open;
  }

 private:
  void finish() {
    admin_gathered whole;
    std::ranges::sort(silent_);
    whole.silent = std::move(silent_);
    // Of an order one node that could do it is enough; a list has what all have.
    const auto good = std::ranges::find_if(
        answers_, [](const admin_answer& each) { return each.status / 100 == 2; });
    if (good != answers_.end()) {
      const auto status = good->status;
      whole.answer = merge_pages(std::move(answers_), limit_, sum_);
      whole.answer.status = status;
    } else if (!answers_.empty() && (whole.silent.empty() || answers_.front().status != 404)) {
      whole.answer = std::move(answers_.front());
    } else {
      whole.answer = {503, "Not every node answered", {}, false};
    }
    done_(std::move(whole));
    done_ = nullptr;
  }

  const std::uint32_t limit_;
  const row_sum sum_;
  std::function<void(admin_gathered)> done_;
  std::size_t wanted_ = 0;
  std::mutex mutex_;
  std::vector<std::string> silent_;
  std::vector<admin_answer> answers_;
  std::vector<std::uint64_t> requests_;
  std::size_t ended_ = 0;
  bool over_ = false;
};

void all_nodes::ask(admin_question question, std::string node,
                    std::function<void(admin_gathered)> done) {
  if (others_ == nullptr)
    return ask_these({{cluster::no_node, here_.node()}}, std::move(question), node,
                     std::move(done));
  members_([self = shared_from_this(), question = std::move(question), node = std::move(node),
            done = std::move(done)](const std::vector<member>& members) mutable {
    self->ask_these(members, std::move(question), node, std::move(done));
  });
}

void all_nodes::ask_here(admin_question question, std::function<void(admin_gathered)> done) {
  here_.answer(std::move(question), [done = std::move(done)](admin_answer answer) {
    done({std::move(answer), {}});
  });
}

void all_nodes::ask_these(const std::vector<member>& members, admin_question question,
                          const std::string& node, std::function<void(admin_gathered)> done) {
  std::vector<member> wanted;
  for (const auto& each : members) {
    if (node.empty() || each.name == node) wanted.push_back(each);
  }
  if (wanted.empty()) {
    // Before it is in a cluster a node knows no members, but itself.
    if (node.empty() || node == here_.node()) {
      wanted.push_back({cluster::no_node, here_.node()});
    } else {
      admin_gathered none;
      none.answer = {404, "No member of the cluster has the name \"" + node + "\"", {}, false};
      return done(std::move(none));
    }
  }
  const auto all = std::make_shared<gathering>(question.limit, here_.sum_of(question.what),
                                              std::move(done));
  for (const auto& each : wanted) all->expect(each.name);
  all->begin(wanted.size());
  auto& loop = here_.context().loops.loop(0);
  // Nodes that are to look twice take as long as they are told to, and some orders are long work.
  const auto limit = patience + std::chrono::milliseconds(question.number("interval") +
                                                          question.number("patience"));
  const bool timed = loop.post([&loop, all, limit, others = others_] {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop.io(), limit);
    timer->async_wait([timer, all, others](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      for (const auto request : all->time_is_over()) {
        if (others != nullptr) others->give_up(request);
      }
    });
  });
  if (!timed) return;  // the node ends
  for (const auto& each : wanted) {
    if (each.name == here_.node()) {
      here_.answer(question, [all, name = each.name](const admin_answer& answer) {
        all->came(name, &answer);
      });
    } else {
      all->asked(others_->ask(
          each.node, question,
          [all, name = each.name](const admin_answer* answer) { all->came(name, answer); }));
    }
  }
}

}  // namespace troupe::broker
