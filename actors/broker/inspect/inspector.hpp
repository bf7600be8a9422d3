#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/broker/inspect/page_rows.hpp"
#include "actors/observe/routes/admin_question.hpp"

namespace troupe::broker {

/// Answers administrators' questions about this node, in slices between which the run loops do
/// their work. Any thread; outlives the actors.
class inspector {
 public:
  using answered = std::function<void(observe::admin_answer)>;
  using handler = std::function<void(const observe::admin_question&, answered)>;

  /// Questions answered at a time; more are refused with 503, so that administrators cannot
  /// take the node's time.
  static constexpr unsigned most_at_once = 16;
  static constexpr std::uint32_t most_rows = 10'000;

  inspector(broker_context& context, std::string node);

  /// One more kind of question. Before the first of them is asked. `sum`: of rows that several
  /// nodes have of the same thing.
  void add(std::string what, handler how, row_sum sum = nullptr) {
    handlers_[std::move(what)] = {std::move(how), sum};
  }
  row_sum sum_of(std::string_view what) const;
  /// `done` is called once, on any thread, perhaps at once; not at all only if the node ends.
  void answer(observe::admin_question question, answered done);

  /// Runs `work` after the question's "interval", 100 to 5,000 ms. Any thread; false: no loop
  /// takes it.
  bool later(const observe::admin_question& question, std::function<void()> work) const;

  broker_context& context() const noexcept { return context_; }
  const std::string& node() const noexcept { return node_; }
  /// One part of a page for each run loop.
  std::vector<page_rows> parts(const observe::admin_question& question) const;
  /// The part of the loop that runs.
  static page_rows& part_here(std::vector<page_rows>& parts);

 private:
  broker_context& context_;
  const std::string node_;
  struct known_question {
    handler how;
    row_sum sum = nullptr;
  };
  std::map<std::string, known_question, std::less<>> handlers_;
  std::atomic<unsigned> open_{0};
};

/// "actors", "actor", "actor_tree".
void add_actor_questions(inspector& to);
/// "clients", "client", "subscriptions", "kick", "discard".
void add_client_questions(inspector& to);
/// "queue", "queue_drop": messages that wait for a client.
void add_queue_questions(inspector& to);
/// "top_talkers", "slow_subscriptions".
void add_top_questions(inspector& to);
/// "topics": filters with subscribers.
void add_topic_questions(inspector& to);
/// "retained", "retained_one", "retained_erase": of the whole cluster.
void add_retained_questions(inspector& to);

}  // namespace troupe::broker
