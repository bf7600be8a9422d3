// Which clients of this node send and get most, and which do not keep up.

#include "actors/broker/inspect/directory_walk.hpp"
#include "actors/broker/inspect/inspector.hpp"
#include "actors/broker/inspect/json_row.hpp"
#include "actors/broker/session.hpp"
#include "actors/runtime/loop_coordinator.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <unordered_map>
#include <utility>

namespace troupe::broker {
namespace {

using nlohmann::json;
using observe::admin_question;
using clock = std::chrono::steady_clock;

const observe::admin_answer too_busy{503, "The node is too busy", {}, false};

/// What a client has done by now.
struct traffic_sums {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t dropped = 0;

  bool none() const noexcept { return (received | sent | dropped) == 0; }
  std::uint64_t by(std::string_view what) const noexcept {
    if (what == "received") return received;
    if (what == "received_bytes") return received_bytes;
    if (what == "sent") return sent;
    if (what == "sent_bytes") return sent_bytes;
    if (what == "dropped") return dropped;
    return received + sent;
  }
};

traffic_sums operator-(const traffic_sums& a, const traffic_sums& b) {
  return {a.received - b.received, a.received_bytes - b.received_bytes, a.sent - b.sent,
          a.sent_bytes - b.sent_bytes, a.dropped - b.dropped};
}

traffic_sums traffic_of(const client_counts& counts) {
  traffic_sums t;
  for (const auto n : counts.received) t.received += n;
  for (const auto n : counts.sent) t.sent += n;
  for (const auto n : counts.dropped) t.dropped += n;
  t.received_bytes = counts.received_bytes;
  t.sent_bytes = counts.sent_bytes;
  return t;
}

/// One question for the busiest clients: two looks at all that have done something, some time
/// apart.
struct top_list {
  inspector& of;
  const admin_question question;
  inspector::answered done;
  std::vector<page_rows> rows;
  // By the loop of the look, then by actor: those that had done something by the first one.
  std::vector<std::unordered_map<std::uint64_t, traffic_sums>> before;
  clock::time_point looked{};
  double passed = 0;  // seconds between the looks

  void first_look(const session& s) {
    if (const auto* counts = s.traffic())
      before[runtime::run_loop::current()->index()][s.id()] = traffic_of(*counts);
  }

  traffic_sums at_first(std::uint64_t id) const {
    for (const auto& each : before)
      if (const auto it = each.find(id); it != each.end()) return it->second;
    return {};  // all that it did, it did in between
  }

  void look(const session& s) {
    const auto* counts = s.traffic();
    if (counts == nullptr) return;
    const auto done_since = traffic_of(*counts) - at_first(s.id());
    const auto value = done_since.by(question.term("sort"));
    if (done_since.none() || value == 0) return;
    auto key = ordered(~value) + s.client_id() + '\0' + of.node();
    auto& page = inspector::part_here(rows);
    if (!page.wants(key)) return page.add(std::move(key), {});
    const auto rate = [&](std::uint64_t n) { return static_cast<double>(n) / passed; };
    json_row row;
    row.add("clientid", s.client_id());
    row.add("node", of.node());
    row.add("username", s.username());
    row.add_json("rate", json{{"received", rate(done_since.received)},
                              {"received_bytes", rate(done_since.received_bytes)},
                              {"sent", rate(done_since.sent)},
                              {"sent_bytes", rate(done_since.sent_bytes)},
                              {"dropped", rate(done_since.dropped)}}
                             .dump());
    page.add(std::move(key), row.take());
  }
};

void look_again(const std::shared_ptr<top_list>& list) {
  list->passed = std::chrono::duration<double>(clock::now() - list->looked).count();
  session_looks looks;
  looks.awake = [list](const session& s) { list->look(s); };
  walk_sessions(list->of.context(), std::move(looks), [list](bool all) {
    list->done(all ? page_rows::merge(list->rows) : too_busy);
  });
}

void answer_top(inspector& of, const admin_question& question, inspector::answered done) {
  const auto list = std::make_shared<top_list>(
      top_list{of, question, std::move(done), of.parts(question), {}, clock::now(), 0});
  list->before.resize(of.context().loops.loops());
  session_looks looks;
  looks.awake = [list](const session& s) { list->first_look(s); };
  walk_sessions(of.context(), std::move(looks), [list](bool) {
    if (!list->of.later(list->question, [list] { look_again(list); })) list->done(too_busy);
  });
}

/// One question for those that do not keep up.
struct slow_list {
  inspector& of;
  const admin_question question;
  const std::uint64_t threshold;  // ms
  inspector::answered done;
  std::vector<page_rows> rows;

  void look(const session& s) {
    const auto* oldest = s.oldest_unacknowledged();
    if (oldest == nullptr) return;
    const auto age = std::max<std::int64_t>(
        runtime::run_loop::current()->wall() - oldest->received_at(), 0);
    const auto behind = static_cast<std::uint64_t>(age);
    if (behind < threshold) return;
    auto key = ordered(~behind) + s.client_id() + '\0' + of.node();
    auto& page = inspector::part_here(rows);
    if (!page.wants(key)) return page.add(std::move(key), {});
    const auto c = s.look();
    runtime::actor_description said;
    s.describe(said);
    json_row row;
    row.add("clientid", c.client_id);
    row.add("node", of.node());
    row.add("username", c.username);
    row.add("behind_ms", behind);
    row.add("topic", oldest->topic());
    row.add("inflight_cnt", c.inflight);
    row.add("mqueue_len", c.queued);
    row.add("mqueue_bytes", c.queued_bytes);
    row.add("blocked", c.device && c.device->blocked);
    row.add("waits_for", said.waits_for);
    page.add(std::move(key), row.take());
  }
};

void answer_slow(inspector& of, const admin_question& question, inspector::answered done) {
  constexpr std::uint64_t usual_threshold = 500;
  const auto list = std::make_shared<slow_list>(
      slow_list{of, question, question.number("threshold", usual_threshold), std::move(done),
                of.parts(question)});
  session_looks looks;
  looks.awake = [list](const session& s) { list->look(s); };
  walk_sessions(of.context(), std::move(looks), [list](bool all) {
    list->done(all ? page_rows::merge(list->rows) : too_busy);
  });
}

}  // namespace

void add_top_questions(inspector& to) {
  to.add("top_talkers", [&to](const admin_question& question, inspector::answered done) {
    answer_top(to, question, std::move(done));
  });
  to.add("slow_subscriptions", [&to](const admin_question& question, inspector::answered done) {
    answer_slow(to, question, std::move(done));
  });
}

}  // namespace troupe::broker
