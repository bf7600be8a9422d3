#include "tests/unit/broker/cluster_rig.hpp"

namespace troupe::broker {
namespace {

using namespace test;
using mqtt::qos;

std::vector<std::string> payloads(const simulated_client& c) {
  std::vector<std::string> all;
  for (const auto& m : c.received) all.push_back(m.payload);
  return all;
}

const connect_terms durable{false, 1'000'000, 100, 0};

}  // namespace

TEST_CASE("a message reaches a clean subscriber on another node", "[broker][cluster]") {
  cluster_rig rig(3);
  for (std::size_t at = 0; at < 3; ++at) {
    const auto id = "subscriber " + std::to_string(at);
    rig.connect(id, at);
    rig.run();
    REQUIRE(rig.client(id).open);
    rig.client(id).subscribe("t/#", qos::exactly_once);
    rig.client(id).subscribe("exact/" + std::to_string(at), qos::at_least_once);
    rig.run();
    REQUIRE(rig.client(id).subacks.size() == 2);
  }
  for (std::size_t at = 0; at < 3; ++at) {
    const auto id = "publisher " + std::to_string(at);
    rig.connect(id, at);
    rig.run();
    rig.client(id).publish("t/1", "a" + std::to_string(at), qos::exactly_once);
    rig.client(id).publish("t/2", "b" + std::to_string(at), qos::at_most_once);
    for (std::size_t to = 0; to < 3; ++to)
      rig.client(id).publish("exact/" + std::to_string(to), "c", qos::at_least_once);
    rig.run();
    CHECK(rig.client(id).sending() == 0);
  }
  for (std::size_t at = 0; at < 3; ++at)
    CHECK(rig.client("subscriber " + std::to_string(at)).received.size() == 9);
}

TEST_CASE("a durable session is one in the cluster, wherever its client connects",
          "[broker][cluster]") {
  cluster_rig rig(3);
  for (int i = 0; i < 8; ++i) {
    const auto id = "device " + std::to_string(i);
    const auto topic = "for/" + std::to_string(i);
    CAPTURE(id);
    rig.connect(id, 0, durable);
    rig.run();
    REQUIRE(rig.client(id).open);
    CHECK_FALSE(*rig.client(id).present);
    rig.client(id).subscribe(topic, qos::exactly_once);
    rig.run();
    REQUIRE(rig.client(id).subacks.size() == 1);
    rig.client(id).cut();
    rig.run();

    rig.connect("publisher", 1);
    rig.run();
    rig.client("publisher").publish(topic, "1", qos::at_least_once);
    rig.client("publisher").publish(topic, "2", qos::at_least_once);
    rig.run();
    CHECK(rig.client("publisher").sending() == 0);

    rig.connect(id, 2, durable);
    rig.run();
    REQUIRE(rig.client(id).open);
    CHECK(*rig.client(id).present);
    CHECK(payloads(rig.client(id)) == std::vector<std::string>{"1", "2"});
    rig.client("publisher").publish(topic, "3", qos::at_least_once);
    rig.run();
    // Taken over while it is connected.
    rig.connect(id, 1, durable);
    rig.run();
    REQUIRE(rig.client(id).open);
    CHECK(*rig.client(id).present);
    rig.client("publisher").publish(topic, "4", qos::at_least_once);
    rig.run();
    CHECK(payloads(rig.client(id)) == std::vector<std::string>{"1", "2", "3", "4"});
    CHECK(rig.client(id).ended_with == std::nullopt);
  }
}

TEST_CASE("retained messages are found on every node", "[broker][cluster]") {
  cluster_rig rig(3);
  rig.connect("publisher", 0);
  rig.run();
  for (int i = 0; i < 20; ++i)
    rig.client("publisher").publish("r/" + std::to_string(i), std::to_string(i),
                                    qos::at_least_once, true);
  rig.run();
  CHECK(rig.client("publisher").sending() == 0);
  for (std::size_t at = 0; at < 3; ++at) {
    const auto id = "subscriber " + std::to_string(at);
    rig.connect(id, at, at == 1 ? durable : connect_terms{});
    rig.run();
    rig.client(id).subscribe("r/+", qos::at_least_once);
    rig.run();
    CHECK(rig.client(id).received.size() == 20);
    rig.client(id).subscribe("r/7", qos::at_least_once);
    rig.run();
    CHECK(rig.client(id).received.size() == 21);
  }
}

TEST_CASE("what a session is owed is known where it is awake, whoever keeps it",
          "[broker][cluster]") {
  cluster_rig rig(2);
  constexpr int count = 700;
  rig.connect("publisher", 1);
  rig.connect("device", 0, durable);
  rig.run();
  for (int i = 0; i < 20; ++i)
    rig.client("publisher").publish("r/" + std::to_string(i), "x", qos::at_least_once, true);
  rig.client("device").subscribe("q", qos::at_least_once);
  rig.run();
  auto& device = rig.client("device");
  device.eager = false;
  for (int i = 0; i < count; ++i)
    rig.client("publisher").publish("q", std::to_string(i), qos::at_least_once);
  rig.run();
  const auto seen = [&] { return rig.look("device"); };
  const auto first_owner = GENERATE(std::size_t{0}, std::size_t{1});
  for (const auto owner : {first_owner, 1 - first_owner}) {
    for (std::uint16_t s = 0; s < cluster_rig::shards; ++s) rig.give(s, owner);
    rig.run();
    rig.advance(2'000);
    rig.client("publisher").publish("q", "one more", qos::at_least_once);
    rig.run();
  }
  CHECK(seen().inflight == 100);
  CHECK(seen().queued == count + 2 - 100);
  device.eager = true;
  device.answer(count);
  rig.run();
  CHECK(device.received.size() == count + 2);
  CHECK(seen().queued == 0);
  CHECK(seen().queued_bytes == 0);
  // Retained messages are held back by a long queue, not by the memory of one.
  device.subscribe("r/+", qos::at_least_once);
  rig.run();
  CHECK(device.received.size() == count + 2 + 20);
}

TEST_CASE("sessions of a lost node are served by the others", "[broker][cluster]") {
  cluster_rig rig(3);
  for (int i = 0; i < 6; ++i) {
    const auto id = "device " + std::to_string(i);
    rig.connect(id, static_cast<std::size_t>(i % 3), durable);
    rig.run();
    rig.client(id).subscribe("t/#", qos::exactly_once);
    rig.client(id).subscribe("exact", qos::at_least_once);
    rig.run();
    REQUIRE(rig.client(id).subacks.size() == 2);
  }
  rig.connect("publisher", 2, durable);
  rig.run();
  rig.kill(0);
  rig.run();
  for (int i = 0; i < 10; ++i) {
    rig.client("publisher").publish("t/" + std::to_string(i), std::to_string(i), qos::exactly_once);
    rig.client("publisher").publish("exact", "x" + std::to_string(i), qos::at_least_once);
  }
  rig.run();
  rig.advance(1'000);
  for (std::uint16_t s = 0; s < cluster_rig::shards; ++s)
    if (!rig.owned(s)) rig.give(s, 1 + s % 2);
  rig.run();
  rig.advance(2'000);
  CHECK(rig.client("publisher").sending() == 0);
  for (int i = 0; i < 6; ++i) {
    const auto id = "device " + std::to_string(i);
    CAPTURE(id);
    if (i % 3 == 0) {
      rig.connect(id, 1, durable);
      rig.run();
      REQUIRE(rig.client(id).open);
      CHECK(*rig.client(id).present);
    } else {
      CHECK(rig.client(id).open);
    }
    CHECK(rig.client(id).received.size() == 20);
  }
}

TEST_CASE("sessions that an owner had begun and never kept hold nobody up at the next one",
          "[broker][cluster]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 61));
  CAPTURE(seed);
  cluster_rig rig(3, seed);
  rig.advance(5'000);
  const auto all_of = [](const char* what, int i) { return what + std::to_string(i); };
  // Some of them are granted, some recorded, some under way when the owners change.
  for (int i = 0; i < 24; ++i) rig.connect(all_of("early ", i), i % 3, durable);
  for (auto n = 20 + rig.random() % 200; n > 0; --n) rig.run_some();
  for (std::uint16_t s = 0; s < cluster_rig::shards; ++s)
    rig.give(s, (s + 1 + rig.random() % 2) % 3);
  for (auto n = rig.random() % 200; n > 0; --n) rig.run_some();
  for (int i = 0; i < 24; ++i) rig.connect(all_of("late ", i), i % 3, durable);
  // Much shorter than it takes until what waits for an owner is given up; and nobody is refused,
  // as there are clients that do not come again then.
  rig.advance(3'000);
  for (const auto* what : {"early ", "late "})
    for (int i = 0; i < 24; ++i) {
      auto& c = rig.client(all_of(what, i));
      INFO(what << i << " ended with " << (c.ended_with ? static_cast<int>(*c.ended_with) : 0));
      CHECK(c.open);
    }
}

}  // namespace troupe::broker
