#include "actors/broker/trace/trace_ring.hpp"
#include "actors/broker/trace/tracer.hpp"
#include "tests/unit/broker/broker_rig.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace troupe::broker;
using namespace troupe::broker::test;
using nlohmann::json;
using troupe::mqtt::qos;
using troupe::observe::admin_answer;
using troupe::observe::admin_question;

namespace {

std::shared_ptr<const trace_event> event_at(std::int64_t us) {
  trace_event event;
  event.at_us = us;
  return std::make_shared<const trace_event>(std::move(event));
}

trace_spec spec(std::string name, trace_kind kind, std::string what, unsigned slot = 0,
                std::int64_t started_at = 1'000'000) {
  trace_spec s;
  s.name = std::move(name);
  s.kind = kind;
  s.what = std::move(what);
  s.slot = slot;
  s.started_at = started_at;
  return s;
}

trace_set::running running(trace_spec s) {
  auto ring = std::make_shared<trace_ring>(s.events);
  return {std::move(s), std::move(ring)};
}

troupe::mqtt::message_ptr message(std::string_view topic, std::int64_t received_at,
                                  std::uint64_t mark) {
  troupe::mqtt::message::fields f;
  f.topic = topic;
  f.received_at = received_at;
  f.trace = mark;
  return troupe::mqtt::message::make(f);
}

/// A node with traces, as administrators ask it.
struct traced_rig {
  explicit traced_rig(std::uint64_t seed = 1) : rig(seed) {
    traces.emplace(rig.context(), "n1", [this] { return ++micros + wall() * 1000; });
    node.emplace(rig.context(), "n1");
    add_trace_questions(*node, *traces);
  }

  std::int64_t wall() { return rig.context().loops.time().wall_ms(); }
  std::string start(std::string name, trace_kind kind, std::string what, unsigned slot = 0,
                    std::uint32_t seconds = 600, std::uint32_t events = 5'000) {
    auto s = spec(std::move(name), kind, std::move(what), slot, wall());
    s.seconds = seconds;
    s.events = events;
    return traces->start(s);
  }
  admin_answer ask(std::string what, std::map<std::string, std::string, std::less<>> terms = {}) {
    admin_question q;
    q.what = std::move(what);
    q.terms = std::move(terms);
    q.limit = 1'000;
    std::optional<admin_answer> answer;
    node->answer(std::move(q), [&](admin_answer given) { answer = std::move(given); });
    rig.run();
    REQUIRE(answer);
    return *answer;
  }
  /// All events of a trace, in their order.
  std::vector<json> log(const std::string& name) {
    const auto answer = ask("trace_log", {{"name", name}, {"most", "900"}});
    std::vector<json> events;
    for (std::size_t i = 1; i < answer.rows.size(); ++i)
      events.push_back(json::parse(answer.rows[i].json));
    return events;
  }

  broker_rig rig;
  std::int64_t micros = 0;
  std::optional<tracer> traces;
  std::optional<inspector> node;
};

/// "event reason" of each, without those of clients.
std::vector<std::string> hops(const std::vector<json>& events) {
  std::vector<std::string> all;
  for (const auto& e : events) {
    if (!e.contains("message")) continue;
    auto hop = e["event"].get<std::string>();
    if (e.contains("reason")) hop += " " + e["reason"].get<std::string>();
    all.push_back(hop);
  }
  return all;
}

bool has(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

const json* find(const std::vector<json>& events, const std::string& event,
                 const std::string& client = {}) {
  for (const auto& e : events)
    if (e["event"] == event && (client.empty() || e.value("clientid", std::string()) == client))
      return &e;
  return nullptr;
}

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a ring keeps the latest events, counts the others, and its times never go back",
          "[trace]") {
  trace_ring ring(3);
  CHECK(ring.read(0, 10).empty());
  for (const auto us : {10, 30, 20, 40, 50}) ring.add(event_at(us));
  const auto all = ring.read(0, 10);
  REQUIRE(all.size() == 3);
  CHECK(all[0].number == 3);
  CHECK(all[0].at_us == 30);  // 20 came behind 30
  CHECK(all[0].what->at_us == 20);
  CHECK(all[2].number == 5);
  CHECK(ring.counted().recorded == 5);
  CHECK(ring.counted().lost == 2);
  CHECK(ring.read(3, 10).size() == 2);
  CHECK(ring.read(3, 1).front().number == 4);
  CHECK(ring.read(5, 10).empty());
  CHECK(ring.read(99, 10).empty());
}

TEST_CASE("a message is followed by its mark, or by its topic if that is older", "[trace]") {
  constexpr std::int64_t began = 1'000'000;
  const trace_set set({running(spec("c", trace_kind::client, "dev", 3)),
                       running(spec("t", trace_kind::topic, "a/+", 5)),
                       running(spec("i", trace_kind::address, "10.1.", 9))},
                      1);
  CHECK(set.by_client("dev") == 1U << 3);
  CHECK(set.by_client("deva") == 0);
  CHECK(set.by_topic("a/b") == 1U << 5);
  CHECK(set.by_topic("a/b/c") == 0);
  CHECK(set.by_address("10.1.2.3") == 1U << 9);
  CHECK(set.by_address("110.1.2.3") == 0);
  CHECK(address_begins("[fe80::1]", "fe80:"));

  const auto later = began + 60'000;
  const auto mark = [](trace_slots by) { return trace_mark::make(77, by); };
  CHECK(set.by_message(*message("x", later, mark(1U << 3))) == 1U << 3);
  // Slots that are not in use any more, or not here.
  CHECK(set.by_message(*message("x", later, mark(1U << 4))) == 0);
  // Marked when nobody followed the topic: it was not to be followed.
  CHECK(set.by_message(*message("a/b", later, mark(0))) == 0);
  // Marked for an earlier trace of that slot, and only then.
  CHECK(set.by_message(*message("x", began - 60'000, mark(1U << 3))) == 0);
  CHECK(set.by_message(*message("x", began - 500, mark(1U << 3))) == 1U << 3);
  // Published before anything was traced; it waited in a queue.
  CHECK(set.by_message(*message("a/b", began - 60'000, 0)) == 1U << 5);
  CHECK(trace_mark::number(mark(0xFFFF)) == 77);
}

TEST_CASE("what nobody follows is turned away by the gate", "[trace]") {
  trace_gate gate;
  const auto old = message("a", 500, trace_mark::make(7, 0));
  const auto unmarked = message("a", 5'000, 0);
  const auto followed = message("a", 5'000, trace_mark::make(7, 1U << 15));
  const auto other = message("a", 5'000, trace_mark::make(7, 0));
  for (const auto* each : {&old, &unmarked, &followed, &other}) CHECK_FALSE(gate.open(**each));
  gate.set({true, false, 3, 1'000});
  CHECK(gate.open());
  CHECK(gate.open(*old));  // as it was before the latest trace, its mark does not say
  CHECK(gate.open(*unmarked));
  CHECK(gate.open(*followed));
  CHECK_FALSE(gate.open(*other));
  CHECK_FALSE(gate.of_clients());
  CHECK(gate.version() == 3);
}

TEST_CASE("traces are checked, bounded, and end by themselves", "[trace]") {
  traced_rig t;
  auto& context = t.rig.context();
  CHECK_FALSE(context.traced());
  CHECK(t.start("bad name", trace_kind::client, "c") != "");
  CHECK(t.start("n", trace_kind::client, "") != "");
  CHECK(t.start("n", trace_kind::topic, "a/#/b") != "");
  CHECK(t.start("n", trace_kind::client, "c", 0, 3'601) != "");
  CHECK(t.start("n", trace_kind::client, "c", 0, 600, 20'001) != "");
  CHECK_FALSE(context.traced());

  CHECK(t.start("first", trace_kind::client, "c", 0, 10) == "");
  CHECK(context.traced());
  CHECK(t.start("first", trace_kind::client, "c", 0, 10) == "");  // told again
  CHECK(t.start("first", trace_kind::client, "d", 1, 10) != "");
  CHECK(t.start("other", trace_kind::client, "d", 0, 10) == "slot");
  for (unsigned slot = 1; slot < trace_spec::most; ++slot)
    CHECK(t.start("more" + std::to_string(slot), trace_kind::client, "d", slot, 10) == "");
  CHECK(t.start("one-too-many", trace_kind::client, "d", 15) != "");
  for (unsigned slot = 1; slot < trace_spec::most; ++slot)
    CHECK(t.ask("trace_delete", {{"name", "more" + std::to_string(slot)}}).status == 204);
  CHECK(t.ask("trace_delete", {{"name", "more1"}}).status == 404);

  auto& c = t.rig.connected("c");
  const auto before = t.log("first").size();
  CHECK(before > 0);
  t.rig.advance(10'001);
  // Nobody has to look for that: nothing more is recorded.
  c.publish("x", "1", qos::at_most_once);
  t.rig.run();
  CHECK(t.log("first").size() == before);
  CHECK(json::parse(t.ask("traces").rows[1].json)["running"] == false);
  t.rig.advance(tracer::kept_ms + 1);
  CHECK(t.ask("traces").rows.size() == 1);
}

TEST_CASE("a message of a followed topic is seen at every hop, whoever gets it", "[trace]") {
  traced_rig t;
  auto& publisher = t.rig.connected("publisher");
  t.rig.connected("clean").subscribe("a/+", qos::at_least_once);
  t.rig.connected("kept", {true, 600}).subscribe("a/b", qos::at_least_once);
  t.rig.run();
  REQUIRE(t.start("t", trace_kind::topic, "a/#") == "");
  t.rig.advance(5'000);  // from now on marks alone say what is followed
  publisher.publish("a/b", "12345", qos::at_least_once);
  publisher.publish("other", "x", qos::at_least_once);
  t.rig.run();

  const auto events = t.log("t");
  const auto all = hops(events);
  CHECK(all.front() == "received");
  CHECK(has(all, "matched"));
  CHECK(find(events, "committed", "kept") != nullptr);
  for (const auto* who : {"clean", "kept"}) {
    INFO(who);
    CHECK(find(events, "delivered", who) != nullptr);
    CHECK(find(events, "written", who) != nullptr);
    CHECK(find(events, "acknowledged", who) != nullptr);
  }
  CHECK(find(events, "answered", "publisher") != nullptr);
  std::int64_t last = 0;
  for (const auto& e : events) {
    CHECK(e["message"] == events.front()["message"]);
    CHECK(e["topic"] == "a/b");
    CHECK(e["payload_size"].get<int>() == (e["event"] == "answered" ? 0 : 5));
    CHECK(e["at_us"].get<std::int64_t>() > last);
    CHECK(e.dump().find("12345") == std::string::npos);  // never a payload
    last = e["at_us"];
  }
}

TEST_CASE("why a client does not get a message is told with the reason", "[trace]") {
  auto limits = std::make_shared<broker_limits>();
  limits->max_queued_messages = 1;
  limits->full_queue = troupe::session::queue_policy::drop_newest;
  traced_rig t;
  t.rig.context().limits.set(limits);
  auto& publisher = t.rig.connected("publisher");
  auto& away = t.rig.connected("away", {true, 600});
  away.subscribe("q", qos::at_least_once);
  t.rig.run();
  away.cut();
  t.rig.run();
  REQUIRE(t.start("away", trace_kind::client, "away") == "");

  publisher.publish("nobody", "x", qos::at_least_once);
  publisher.publish("q", "0", qos::at_most_once);
  t.rig.run();
  CHECK(hops(t.log("away")) == strings{"matched", "dropped not_connected"});
  publisher.publish("q", "1", qos::at_least_once);
  publisher.publish("q", "2", qos::at_least_once);
  t.rig.run();
  const auto events = t.log("away");
  CHECK(has(hops(events), "dropped queue_full"));
  CHECK(has(hops(events), "committed"));
  for (const auto& e : events)
    if (e.value("reason", std::string()) == "queue_full")
      CHECK(e["text"].get<std::string>().find("The queue of away is full: 1 of 1 messages") == 0);
  // All hops of one message have its number, though its publisher is not followed.
  std::map<std::string, int> messages;
  for (const auto& e : events)
    if (e.contains("message")) ++messages[e["message"].get<std::string>()];
  CHECK(messages.size() == 3);
}

TEST_CASE("a client is followed as the publisher, too, and nobody else is", "[trace]") {
  traced_rig t;
  REQUIRE(t.start("p", trace_kind::client, "p") == "");
  auto& p = t.rig.connected("p");
  auto& other = t.rig.connected("other");
  other.subscribe("x", qos::at_least_once);
  t.rig.run();
  t.rig.advance(5'000);
  p.publish("x", "1", qos::at_least_once);
  p.publish("nobody", "1", qos::at_most_once);
  other.publish("nobody", "1", qos::at_most_once);
  t.rig.run();
  p.cut();
  t.rig.run();
  const auto events = t.log("p");
  CHECK(find(events, "connected", "p") != nullptr);
  CHECK(find(events, "disconnected", "p") != nullptr);
  CHECK(find(events, "connected", "other") == nullptr);
  CHECK(find(events, "acknowledged", "other") != nullptr);  // of its message
  CHECK(find(events, "answered", "p") != nullptr);
  CHECK(std::ranges::count(hops(events), "dropped no_subscribers") == 1);
}

TEST_CASE("a member of a group hears who was chosen in its place", "[trace]") {
  traced_rig t;
  auto& publisher = t.rig.connected("publisher");
  for (const auto* who : {"one", "two"})
    t.rig.connected(who).subscribe("$share/g/q/+", qos::at_least_once);
  t.rig.run();
  REQUIRE(t.start("one", trace_kind::client, "one") == "");
  t.rig.advance(5'000);
  for (int i = 0; i < 2; ++i) {
    publisher.publish("q/1", "x", qos::at_least_once);
    t.rig.run();
  }
  const auto all = hops(t.log("one"));
  CHECK(std::ranges::count(all, "matched") == 1);
  CHECK(std::ranges::count(all, "matched other_member") == 1);
  CHECK(std::ranges::count(all, "written") == 1);
}

TEST_CASE("that a publisher does not want its own messages back is a reason", "[trace]") {
  traced_rig t;
  auto& own = t.rig.connected("own");
  troupe::mqtt::subscription_options options;
  options.no_local = true;
  own.subscribe("x", qos::at_least_once, 0, options);
  t.rig.run();
  REQUIRE(t.start("own", trace_kind::client, "own") == "");
  own.publish("x", "1", qos::at_least_once);
  t.rig.run();
  CHECK(hops(t.log("own")) ==
        strings{"received", "dropped no_local", "matched", "dropped no_subscribers", "answered"});
}

TEST_CASE("an expired message says so to who waits for it", "[trace]") {
  traced_rig t;
  auto& c = t.rig.connected("c", {true, 600});
  c.subscribe("q", qos::at_least_once);
  t.rig.run();
  c.cut();
  t.rig.run();
  REQUIRE(t.start("c", trace_kind::client, "c") == "");
  auto& publisher = t.rig.connected("publisher");
  troupe::mqtt::message::fields soon;
  soon.topic = "q";
  soon.level = qos::at_least_once;
  soon.received_at = t.wall();
  soon.expires_at = t.wall() + 1'000;
  publisher.say(client_publish{troupe::mqtt::message::make(soon), 1});
  t.rig.run();
  t.rig.advance(5'000);
  c.connect({false, 600});
  t.rig.run();
  CHECK(has(hops(t.log("c")), "dropped expired"));
}

TEST_CASE("what waits in the store keeps its number", "[trace]") {
  traced_rig t;
  auto& c = t.rig.connected("c", {true, 600});
  c.subscribe("q", qos::at_least_once);
  t.rig.run();
  c.cut();
  t.rig.run();
  t.rig.advance(t.rig.limits->passivation_delay_ms + 1'000);
  REQUIRE(t.start("c", trace_kind::client, "c") == "");
  t.rig.connected("publisher").publish("q", "1", qos::at_least_once);
  t.rig.run();
  CHECK(hops(t.log("c")) == strings{"matched", "committed", "queued"});
  c.connect({false, 600});
  t.rig.run();
  REQUIRE(c.received.size() == 1);
  const auto events = t.log("c");
  const auto* written = find(events, "written", "c");
  REQUIRE(written != nullptr);
  CHECK((*written)["message"] == (*find(events, "committed", "c"))["message"]);
  CHECK((*find(events, "acknowledged", "c"))["message"] == (*written)["message"]);
}

TEST_CASE("pages of a log go on where the last one ended; what a ring lost is counted", "[trace]") {
  traced_rig t;
  auto& p = t.rig.connected("p");
  REQUIRE(t.start("p", trace_kind::client, "p", 0, 600, 100) == "");
  for (int i = 0; i < 20; ++i) {
    p.publish("x", "1", qos::at_most_once);
    t.rig.run();
  }
  std::vector<std::uint64_t> seen;
  std::string cursor;
  for (bool more = true; more;) {
    const auto page = t.ask("trace_log", {{"name", "p"}, {"most", "7"}, {"cursor", cursor}});
    more = page.more;
    CHECK(page.rows.size() <= 8);
    for (std::size_t i = 1; i < page.rows.size(); ++i)
      seen.push_back(json::parse(page.rows[i].json)["seq"]);
    REQUIRE(!seen.empty());
    cursor = "zz=5&n1=" + std::to_string(seen.back());
  }
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i + 1);
  CHECK(seen.size() == 60);  // received, matched, dropped
  for (int i = 0; i < 50; ++i) p.publish("x", "1", qos::at_most_once);
  t.rig.run();
  const auto head = json::parse(t.ask("traces").rows[1].json);
  CHECK(head["events"] == 210);
  CHECK(head["lost"] == 110);
}
