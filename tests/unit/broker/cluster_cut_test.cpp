// A node that is cut off from the majority of its cluster.
#include "tests/unit/broker/cluster_rig.hpp"

namespace troupe::broker {
namespace {

using namespace test;
using mqtt::qos;
using mqtt::reason_code;

const connect_terms durable{false, 1'000'000, 100, 0};
constexpr std::uint64_t seeds = 20;
constexpr std::size_t cut = 0;  // the node

/// Many topics, so that every shard is among them.
std::string topic(int i) { return "t/" + std::to_string(i); }
constexpr int topics_used = 12;

/// Three nodes, each with a publisher and a clean subscriber to "zero/#"; a durable subscriber to
/// "t/#" on another node than the one that is cut off.
struct scene {
  explicit scene(std::uint64_t seed) : rig(3, seed) {
    for (std::size_t at = 0; at < 3; ++at) {
      rig.connect("publisher " + std::to_string(at), at);
      rig.connect("clean " + std::to_string(at), at);
      rig.run();
      rig.client("clean " + std::to_string(at)).subscribe("zero/#", qos::at_most_once);
    }
    rig.connect("durable", 1, durable);
    rig.run();
    rig.client("durable").subscribe("t/#", qos::at_least_once);
    rig.run();
    REQUIRE(rig.client("durable").subacks.size() == 1);
  }

  simulated_client& publisher() { return rig.client("publisher 0"); }
  void cut_off() {
    rig.isolate(cut);
    for (std::uint16_t s = 0; s < cluster_rig::shards; ++s)
      if (!rig.owned(s)) rig.give(s, 1);
    rig.run();
  }
  void knows() {
    rig.knows_that_it_is_cut_off(cut);
    rig.run();
  }
  void publish_to_all_shards(const std::string& payload) {
    for (int i = 0; i < topics_used; ++i)
      publisher().publish(topic(i), payload + std::to_string(i),
                          i % 2 == 0 ? qos::at_least_once : qos::exactly_once);
    rig.run();
  }

  cluster_rig rig;
};

}  // namespace

TEST_CASE("cut off: publishes wait as long as that may be a change of owner", "[broker][cut]") {
  scene s(1);
  s.cut_off();
  s.publish_to_all_shards("a");
  CHECK(s.publisher().sending() == topics_used);
  s.rig.advance(10'000);
  CHECK(s.publisher().sending() == topics_used);
  CHECK(s.publisher().refused_publishes.empty());
  s.rig.advance(10'000);
  CHECK(s.publisher().refused_publishes.size() == topics_used);
}

TEST_CASE("cut off: what waits and what comes is refused at once when it is known",
          "[broker][cut]") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    scene s(seed);
    s.cut_off();
    s.publish_to_all_shards("a");
    CHECK(s.publisher().sending() == topics_used);
    s.knows();
    CHECK(s.publisher().refused_publishes.size() == topics_used);
    s.publish_to_all_shards("b");
    CHECK(s.publisher().refused_publishes.size() == 2 * topics_used);
    CHECK(s.publisher().acknowledged.empty());
    CHECK(s.publisher().open);
    CHECK(s.rig.count(observe::counter::publishes_refused_no_majority) == 2 * topics_used);
    // The others serve, and nobody has got anything of that.
    s.rig.client("publisher 1").publish(topic(1), "served", qos::at_least_once);
    s.rig.run();
    CHECK(s.rig.client("publisher 1").sending() == 0);
    CHECK(s.rig.client("durable").received.size() == 1);
  }
}

TEST_CASE("cut off: QoS 0 and clean sessions go on", "[broker][cut]") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    scene s(seed);
    s.cut_off();
    s.knows();
    for (int i = 0; i < topics_used; ++i)
      s.publisher().publish("zero/" + std::to_string(i), "x", qos::at_most_once);
    s.rig.run();
    CHECK(s.rig.client("clean 0").received.size() == topics_used);
    // A clean session subscribes on its own node, without delay.
    s.rig.client("clean 0").subscribe("more", qos::at_least_once);
    s.rig.run();
    REQUIRE(s.rig.client("clean 0").subacks.size() == 2);
    CHECK(s.rig.client("clean 0").subacks.back().reasons.front() == reason_code::granted_qos_1);
    // In one read with what is refused.
    s.publisher().together([&] {
      s.publisher().publish("more", "1", qos::at_least_once);
      s.publisher().publish("more", "0", qos::at_most_once);
    });
    s.rig.run();
    CHECK(s.publisher().refused_publishes.size() == 1);
    REQUIRE(s.rig.client("clean 0").received.size() == topics_used + 1);
    CHECK(s.rig.client("clean 0").received.back().payload == "0");
  }
}

TEST_CASE("cut off: a CONNECT that needs another node is refused at once", "[broker][cut]") {
  const bool elsewhere = GENERATE(false, true);
  scene s(3);
  if (elsewhere)
    s.rig.context(cut).server_reference.set(std::make_shared<const std::string>("b:1883"));
  s.cut_off();
  s.rig.connect("early", cut, durable);
  s.rig.run();
  CHECK_FALSE(s.rig.client("early").ended_with);
  s.knows();
  const auto told = elsewhere ? reason_code::use_another_server : reason_code::server_unavailable;
  CHECK(s.rig.client("early").ended_with == told);
  s.rig.connect("late", cut, durable);
  s.rig.run();
  CHECK(s.rig.client("late").ended_with == told);
  CHECK(s.rig.count(observe::counter::connects_refused_no_majority) == 2);
  s.rig.connect("late", 1, durable);
  s.rig.run();
  CHECK(s.rig.client("late").open);
}

TEST_CASE("cut off: a durable subscription is refused, the session goes on", "[broker][cut]") {
  scene s(4);
  s.rig.connect("kept", cut, durable);
  s.rig.run();
  REQUIRE(s.rig.client("kept").open);
  s.cut_off();
  s.knows();
  s.rig.client("kept").subscribe("zero/#", qos::at_most_once);
  s.rig.run();
  REQUIRE(s.rig.client("kept").subacks.size() == 1);
  CHECK(s.rig.client("kept").subacks.back().reasons.front() == reason_code::quota_exceeded);
  CHECK(s.rig.client("kept").open);
}

TEST_CASE("cut off: QoS 2 of a session that is kept is refused without a record", "[broker][cut]") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    scene s(seed);
    s.rig.connect("kept", cut, durable);
    s.rig.run();
    s.cut_off();
    s.knows();
    auto& kept = s.rig.client("kept");
    for (int i = 0; i < topics_used; ++i) kept.publish(topic(i), "a", qos::exactly_once);
    s.rig.run();
    CHECK(kept.refused_publishes.size() == topics_used);
    CHECK(kept.open);
    s.rig.join_again();
    s.rig.run();
    s.rig.advance(4'000);
    // The packet ids are free for others.
    for (int i = 0; i < topics_used; ++i) kept.publish(topic(i), "b", qos::exactly_once);
    s.rig.run();
    CHECK(kept.acknowledged.size() == topics_used);
    const auto& got = s.rig.client("durable").received;
    CHECK(got.size() == topics_used);
    for (const auto& m : got) CHECK(m.payload == "b");
  }
}

TEST_CASE("cut off and back: all is served again without anybody's help", "[broker][cut]") {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    scene s(seed);
    s.cut_off();
    s.knows();
    s.publish_to_all_shards("refused ");
    CHECK(s.publisher().refused_publishes.size() == topics_used);
    s.rig.join_again();
    s.rig.run();
    s.rig.advance(4'000);
    s.publish_to_all_shards("taken ");
    CHECK(s.publisher().sending() == 0);
    CHECK(s.publisher().acknowledged.size() == topics_used);
    const auto& got = s.rig.client("durable").received;
    CHECK(got.size() == topics_used);
    for (const auto& m : got) CHECK(m.payload.starts_with("taken"));
    s.rig.connect("late", cut, durable);
    s.rig.run();
    CHECK(s.rig.client("late").open);
  }
}

TEST_CASE("a shard whose owner is changing is waited for by a node that sees a majority",
          "[broker][cut]") {
  scene s(5);
  s.rig.kill(1);
  s.rig.run();
  for (int i = 0; i < topics_used; ++i)
    s.publisher().publish(topic(i), "x", qos::at_least_once);
  s.rig.run();
  s.rig.advance(2'000);
  CHECK(s.publisher().refused_publishes.empty());
  for (std::uint16_t shard = 0; shard < cluster_rig::shards; ++shard)
    if (!s.rig.owned(shard)) s.rig.give(shard, 2);
  s.rig.run();
  s.rig.advance(4'000);
  CHECK(s.publisher().acknowledged.size() == topics_used);
  CHECK(s.publisher().refused_publishes.empty());
}

}  // namespace troupe::broker
