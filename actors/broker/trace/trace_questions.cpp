// What administrators ask about traces, of one node each.

#include "actors/broker/inspect/client_json.hpp"
#include "actors/broker/inspect/json_row.hpp"
#include "actors/broker/trace/tracer.hpp"
#include "actors/runtime/loop_coordinator.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

namespace troupe::broker {
namespace {

using nlohmann::json;
using observe::admin_answer;
using observe::admin_question;

std::string text_of(const json& from) {
  return from.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// As the other nodes are named in events, until all answers are together.
std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

/// What this node says of itself: also if it has no traces.
json node_of(tracer& traces) {
  return {{"node", traces.node()},
          {"id", hex(traces.node_number())},
          {"now", traces.context().loops.time().wall_ms()}};
}

/// What this node says of one of its traces; the answers of all nodes become one row.
json figures_of(tracer& traces, const tracer::one& t) {
  const auto now = traces.context().loops.time().wall_ms();
  const auto counted = t.events->counted();
  return {{"spec", terms_of(t.spec)},
          {"show", json_of(t.spec)},
          {"node", traces.node()},
          {"id", hex(traces.node_number())},
          {"now", now},
          {"running", now < t.over_at()},
          {"over_at", t.over_at()},
          {"events", counted.recorded},
          {"lost", counted.lost}};
}

void answer_traces(tracer& traces, const admin_question& question,
                   const inspector::answered& done) {
  admin_answer answer;
  answer.rows.push_back({std::string(1, '\0') + traces.node(), text_of(node_of(traces))});
  for (const auto& t : traces.all()) {
    if (question.has("name") && question.term("name") != t.spec.name) continue;
    answer.rows.push_back({t.spec.name + '\0' + traces.node(), text_of(figures_of(traces, t))});
  }
  std::ranges::sort(answer.rows, {}, &observe::admin_row::key);
  done(std::move(answer));
}

void answer_check(tracer&, const admin_question& question, const inspector::answered& done) {
  const auto problem = problem_of(spec_of(question));
  done({problem.empty() ? 200U : 400U, problem, {}, false});
}

/// Never a failure: whoever asks all nodes is to hear of each.
void answer_start(tracer& traces, const admin_question& question, const inspector::answered& done) {
  const auto problem = traces.start(spec_of(question));
  done({200,
        {},
        {{traces.node(), text_of({{"node", traces.node()}, {"problem", problem}})}},
        false});
}

std::string row_of(const trace_ring::numbered& event, const std::string& node) {
  const auto& e = *event.what;
  json_row row;
  row.add("seq", event.number);
  row.add("at_us", event.at_us);
  row.add("node", node);
  row.add("event", to_string(e.hop));
  if (e.message != 0) row.add("message", hex(e.message).substr(4));
  if (!e.client.empty()) row.add("clientid", e.client);
  if (!e.topic.empty()) row.add("topic", e.topic);
  if (e.qos >= 0) {
    row.add("qos", static_cast<int>(e.qos));
    row.add("payload_size", e.size);
  }
  if (e.packet != 0) row.add("packet_id", e.packet);
  if (e.peer != 0) row.add("peer", hex(e.peer));
  row.add("text", e.text);
  if (!e.reason.empty()) row.add("reason", e.reason);
  return row.take();
}

/// "n1=17&n2=40": what was read of each node before.
std::uint64_t place_in(std::string_view cursor, std::string_view node) {
  while (!cursor.empty()) {
    const auto end = std::min(cursor.find('&'), cursor.size());
    const auto part = cursor.substr(0, end);
    const auto sign = part.rfind('=');
    if (sign != std::string_view::npos && part.substr(0, sign) == node) {
      std::uint64_t value = 0;
      const auto digits = part.substr(sign + 1);
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return value;
    }
    cursor.remove_prefix(std::min(end + 1, cursor.size()));
  }
  return 0;
}

void answer_log(tracer& traces, const admin_question& question, const inspector::answered& done) {
  admin_answer answer;
  answer.rows.push_back({std::string(1, '\0') + traces.node(), text_of(node_of(traces))});
  std::size_t bytes = 0;
  for (const auto& t : traces.all()) {
    if (t.spec.name != question.term("name")) continue;
    auto& head = answer.rows.front();
    const auto limit = static_cast<std::size_t>(question.number("most", question.limit));
    const auto events = t.events->read(place_in(question.term("cursor"), traces.node()), limit + 1);
    head.json = text_of(figures_of(traces, t));
    for (const auto& each : events) {
      if (answer.rows.size() > limit || bytes > page_rows::most_bytes) {
        answer.more = true;
        break;
      }
      auto row = row_of(each, traces.node());
      bytes += row.size();
      answer.rows.push_back({"\1" + ordered(static_cast<std::uint64_t>(each.at_us)) +
                                 ordered(each.number) + traces.node(),
                             std::move(row)});
    }
  }
  done(std::move(answer));
}

}  // namespace

void add_trace_questions(inspector& to, tracer& traces) {
  const auto with = [&to, &traces](std::string what, auto how) {
    to.add(std::move(what),
           [&traces, how](const admin_question& question, const inspector::answered& done) {
             how(traces, question, done);
           });
  };
  with("traces", answer_traces);
  with("trace_check", answer_check);
  with("trace_start", answer_start);
  with("trace_log", answer_log);
  const auto say = [](bool found, const inspector::answered& done) {
    if (!found) return done({404, "There is no such trace", {}, false});
    done({204, {}, {}, false});
  };
  with("trace_stop",
       [say](tracer& all, const admin_question& question, const inspector::answered& done) {
         say(all.stop(question.term("name")), done);
       });
  with("trace_delete", [say](tracer& all, const admin_question& question,
                             const inspector::answered& done) {
    say(all.erase(question.term("name"), static_cast<std::int64_t>(question.number("started_at"))),
        done);
  });
}

}  // namespace troupe::broker
