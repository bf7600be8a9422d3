#include "protocol/session/inbound_flow.hpp"
#include "tests/support/catch.hpp"

namespace troupe::session {
namespace {

using enum mqtt::qos;
using verdict = inbound_flow::verdict;

/// What a flow wants done.
struct heard final : session_effects {
  std::vector<mqtt::ack_packet> sent;
  std::vector<mqtt::packet_id> erased;
  std::string disconnected;

  void send(const mqtt::ack_packet& ack) override { sent.push_back(ack); }
  void erase_received(mqtt::packet_id id) override { erased.push_back(id); }
  void disconnect(mqtt::reason_code, std::string_view sentence) override {
    disconnected = sentence;
  }
  void send(const publish_out&) override {}
  void send(const mqtt::suback_packet&) override {}
  void send_pingresp() override {}
  bool writable() override { return true; }
  bool gone = false;
  bool hears() const override { return !gone; }
  void route(routed_publish) override {}
  void redispatch(const delivery&) override {}
  void dropped(const mqtt::message&, drop_reason) override {}
  void record_outgoing(mqtt::packet_id, std::uint64_t, bool) override {}
  void erase_outgoing(mqtt::packet_id) override {}
  void settle(const stored_place&, std::size_t) override {}
  void want_page(std::uint64_t, std::uint32_t, std::uint64_t) override {}
};

struct world {
  session_limits limits;
  heard fx;
  inbound_flow flow{limits, true};

  world() { flow.connected(mqtt::protocol_version::v5); }
  bool answered(mqtt::ack_kind kind, mqtt::packet_id id) const {
    return !fx.sent.empty() && fx.sent.back().kind == kind && fx.sent.back().id == id;
  }
};

TEST_CASE("a QoS 2 message that was recorded and perhaps routed is routed again, as it was",
          "[session]") {
  world w;
  const origin from{3, 8};
  w.flow.restore({{7, from, false}, {5, {3, 7}, true}});
  const auto again = w.flow.publish(exactly_once, 7, w.fx);
  CHECK(again.what == verdict::route);
  CHECK(again.recorded == from);
  // Sent once more before the outcome is known: a duplicate of that.
  CHECK(w.flow.publish(exactly_once, 7, w.fx).what == verdict::duplicate);
  CHECK(w.fx.sent.empty());
  w.flow.completed(again.token, mqtt::reason_code::success, w.fx);
  REQUIRE(w.fx.sent.size() == 2);
  CHECK(w.answered(mqtt::ack_kind::pubrec, 7));
  // One that was taken is answered at once.
  CHECK(w.flow.publish(exactly_once, 5, w.fx).what == verdict::duplicate);
  CHECK(w.answered(mqtt::ack_kind::pubrec, 5));
}

TEST_CASE("what comes behind a message that is refused for a while is refused until that is told",
          "[session]") {
  world w;
  const auto slow = w.flow.publish(at_least_once, 1, w.fx);
  const auto refused = w.flow.publish(exactly_once, 2, w.fx);
  const auto routed = w.flow.publish(exactly_once, 3, w.fx);
  CHECK_FALSE(w.flow.refuses());
  // Its record is being erased: the answer comes behind that.
  w.flow.refusing(refused.token);
  w.flow.refusing(refused.token);
  CHECK(w.flow.refuses());
  CHECK(w.flow.publish(exactly_once, 4, w.fx).what == verdict::not_now);
  CHECK(w.flow.publish(at_least_once, 5, w.fx).what == verdict::not_now);
  w.flow.completed(refused.token, mqtt::reason_code::quota_exceeded, w.fx);
  w.flow.completed(routed.token, mqtt::reason_code::quota_exceeded, w.fx);
  CHECK(w.fx.sent.empty());  // answers keep their order
  w.flow.completed(slow.token, mqtt::reason_code::success, w.fx);
  REQUIRE(w.fx.sent.size() == 5);
  for (std::size_t i = 1; i < 5; ++i)
    CHECK(w.fx.sent[i].reason == mqtt::reason_code::quota_exceeded);
  CHECK_FALSE(w.flow.refuses());
  CHECK(w.flow.publish(exactly_once, 4, w.fx).what == verdict::route);
}

TEST_CASE("a refusal that nobody hears holds for all that the connection had said", "[session]") {
  world w;
  const auto refused = w.flow.publish(exactly_once, 2, w.fx);
  w.fx.gone = true;
  w.flow.completed(refused.token, mqtt::reason_code::quota_exceeded, w.fx);
  // Read before the connection was seen to be gone; the client sends both again, in their order.
  CHECK(w.flow.publish(exactly_once, 3, w.fx).what == verdict::not_now);
  w.flow.disconnected();
  w.fx.gone = false;
  w.flow.connected(mqtt::protocol_version::v5);
  CHECK(w.flow.publish(exactly_once, 2, w.fx).what == verdict::route);
  CHECK(w.flow.publish(exactly_once, 3, w.fx).what == verdict::route);
}

TEST_CASE("a message that was recorded before waits behind one that is refused", "[session]") {
  world w;
  w.flow.restore({{7, {3, 8}, false}});
  const auto refused = w.flow.publish(exactly_once, 2, w.fx);
  w.flow.refusing(refused.token);
  // It may have been routed in an earlier life: refused, it could come twice.
  CHECK(w.flow.publish(exactly_once, 7, w.fx).what == verdict::route);
}

TEST_CASE("PUBREL of a recorded message releases it: the client has seen PUBREC", "[session]") {
  world w;
  w.flow.restore({{7, {3, 8}, false}});
  w.flow.pubrel(7, w.fx);
  CHECK(w.fx.erased == std::vector<mqtt::packet_id>{7});
  w.flow.released(7, w.fx);
  CHECK(w.answered(mqtt::ack_kind::pubcomp, 7));
  CHECK_FALSE(w.flow.publish(exactly_once, 7, w.fx).recorded);
}

TEST_CASE("what was taken since it was recorded is told once", "[session]") {
  world w;
  const auto first = w.flow.publish(exactly_once, 1, w.fx);
  w.flow.recorded(1, {2, 1});
  const auto second = w.flow.publish(exactly_once, 2, w.fx);
  w.flow.recorded(2, {2, 2});
  CHECK(w.flow.taken_since().empty());
  w.flow.completed(first.token, mqtt::reason_code::success, w.fx);
  CHECK(w.flow.taken_since() == std::vector<received_exchange>{{1, {2, 1}, true}});
  CHECK(w.flow.taken_since().empty());
  w.flow.completed(second.token, mqtt::reason_code::quota_exceeded, w.fx);
  CHECK(w.flow.taken_since().empty());
  CHECK(w.flow.unreleased() == 1);
}

TEST_CASE("the first origin is that of the first message that may come again", "[session]") {
  world w;
  CHECK_FALSE(w.flow.first_origin());
  w.flow.restore({{7, {3, 8}, false}, {5, {3, 9}, true}});
  CHECK(w.flow.first_origin() == origin{3, 8});
  const auto again = w.flow.publish(exactly_once, 7, w.fx);
  w.flow.completed(again.token, mqtt::reason_code::success, w.fx);
  CHECK(w.flow.first_origin() == origin{3, 8});
  w.flow.pubrel(7, w.fx);
  w.flow.released(7, w.fx);
  CHECK(w.flow.first_origin() == origin{3, 9});
  const auto fresh = w.flow.publish(exactly_once, 1, w.fx);
  w.flow.recorded(1, {4, 1});
  w.flow.pubrel(5, w.fx);
  w.flow.released(5, w.fx);
  CHECK(w.flow.first_origin() == origin{4, 1});
  // Refused: the client says it anew, if it does.
  w.flow.completed(fresh.token, mqtt::reason_code::quota_exceeded, w.fx);
  CHECK_FALSE(w.flow.first_origin());
}

TEST_CASE("an id that cannot be erased yet may be released again", "[session]") {
  world w;
  const auto one = w.flow.publish(exactly_once, 1, w.fx);
  w.flow.completed(one.token, mqtt::reason_code::success, w.fx);
  w.flow.pubrel(1, w.fx);
  w.flow.pubrel(1, w.fx);  // PUBCOMP is on its way
  CHECK(w.fx.erased.size() == 1);
  w.flow.not_released(1);
  w.flow.pubrel(1, w.fx);
  CHECK(w.fx.erased.size() == 2);
}

}  // namespace
}  // namespace troupe::session
