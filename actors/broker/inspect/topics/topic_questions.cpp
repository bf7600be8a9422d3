// The filters that this node's sessions subscribe to. They are counted by a walk through the
// sessions: the tables of routes are elsewhere for filters without wildcards, and have no order.

#include "actors/broker/inspect/directory_walk.hpp"
#include "actors/broker/inspect/inspector.hpp"
#include "actors/broker/inspect/topics/topic_counts.hpp"
#include "actors/broker/session.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/topics/names.hpp"

#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

namespace troupe::broker {
namespace {

using observe::admin_question;

class topic_list : public std::enable_shared_from_this<topic_list> {
 public:
  topic_list(inspector& of, const admin_question& question, inspector::answered done)
      : of_(of),
        question_(question),
        done_(std::move(done)),
        parts_(of.context().loops.loops(), topic_counts(question.after, question.limit)) {}

  void begin() {
    session_looks looks;
    looks.asleep = [self = shared_from_this()](const listed_session& e) {
      if (!self->first_look(e.who.id())) return;
      for (const auto& s : e.subscriptions) self->take(s);
    };
    looks.awake = [self = shared_from_this()](const session& s) {
      if (!self->first_look(s.stored_as())) return;
      s.each_subscription({}, SIZE_MAX, [&](const storage::subscription_record& each) {
        self->take(each);
      });
    };
    walk_sessions(of_.context(), std::move(looks),
                  [self = shared_from_this()](bool all) { self->end(all); });
  }

 private:
  /// A directory that grows meanwhile is walked again from its beginning.
  bool first_look(session_id id) {
    const std::lock_guard lock(mutex_);
    return seen_.insert(id.value).second;
  }

  void take(const storage::subscription_record& s) {
    const auto shared = topics::parse_shared(s.filter);
    const auto filter = shared ? shared->filter : std::string_view(s.filter);
    if (question_.has("topic") && question_.term("topic") != filter) return;
    if (question_.has("match_topic") && !topics::matches(filter, question_.term("match_topic")))
      return;
    const auto* loop = runtime::run_loop::current();
    parts_[loop != nullptr ? loop->index() : 0].add(filter, shared ? shared->group
                                                                   : std::string_view{});
  }

  void end(bool all) {
    if (!all) return done_({503, "The node is too busy", {}, false});
    topic_counts whole(question_.after, question_.limit);
    for (const auto& part : parts_) whole.add(part);
    std::vector<page_rows> page{page_rows(question_.after, question_.limit)};
    for (const auto& [filter, count] : whole.rows())
      page.front().add(filter, topic_counts::row_of(filter, count));
    auto answer = page_rows::merge(page);
    answer.more = answer.more || whole.more();
    done_(std::move(answer));
  }

  inspector& of_;
  const admin_question question_;
  const inspector::answered done_;
  std::vector<topic_counts> parts_;  // by run loop
  std::mutex mutex_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

void add_topic_questions(inspector& to) {
  to.add(
      "topics",
      [&to](const admin_question& question, inspector::answered done) {
        std::make_shared<topic_list>(to, question, std::move(done))->begin();
      },
      topic_counts::sum);
}

}  // namespace troupe::broker
