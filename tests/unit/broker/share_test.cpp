#include "tests/unit/broker/broker_rig.hpp"
#include "tests/unit/broker/cluster_rig.hpp"

#include <set>

namespace troupe::broker {
namespace {

using namespace test;
using mqtt::qos;
using observe::counter;

const connect_terms durable{false, 1'000'000, 100, 0};
constexpr share_strategy all[] = {share_strategy::round_robin, share_strategy::local_first,
                                  share_strategy::sticky, share_strategy::hash_client,
                                  share_strategy::random};

std::shared_ptr<const sharing_rules> rules(share_strategy strategy) {
  auto made = std::make_shared<sharing_rules>();
  made->strategy = strategy;
  return made;
}

std::string name(std::size_t i) {
  return "member " + std::to_string(i);
}

template <class Rig>
std::vector<std::size_t> counts(Rig& rig, std::size_t members) {
  std::vector<std::size_t> all_of_them;
  for (std::size_t i = 0; i < members; ++i)
    all_of_them.push_back(rig.client(name(i)).received.size());
  return all_of_them;
}

std::size_t sum(const std::vector<std::size_t>& of) {
  std::size_t s = 0;
  for (const auto n : of) s += n;
  return s;
}

std::size_t served(const std::vector<std::size_t>& of) {
  return static_cast<std::size_t>(
      std::count_if(of.begin(), of.end(), [](auto n) { return n > 0; }));
}

void add(std::set<std::string>& to, const simulated_client& c) {
  for (const auto& m : c.received) to.insert(m.payload);
}

}  // namespace

TEST_CASE("each strategy serves a group on one node", "[broker][share]") {
  for (const auto strategy : all) {
    CAPTURE(static_cast<int>(strategy));
    broker_rig rig;
    rig.context().sharing.set(rules(strategy));
    for (std::size_t i = 0; i < 3; ++i)
      rig.connected(name(i)).subscribe("$share/g/t/+", qos::at_least_once);
    rig.connected("one");
    rig.connected("two");
    rig.run();
    for (int i = 0; i < 60; ++i) rig.client("one").publish("t/1", "x", qos::at_least_once);
    rig.run();
    const auto first = counts(rig, 3);
    CHECK(sum(first) == 60);
    if (strategy == share_strategy::round_robin || strategy == share_strategy::local_first)
      CHECK(first == std::vector<std::size_t>{20, 20, 20});
    if (strategy == share_strategy::sticky || strategy == share_strategy::hash_client)
      CHECK(served(first) == 1);
    if (strategy == share_strategy::random) CHECK(served(first) == 3);

    // A client that comes anew is another session, and still goes where it went.
    rig.client("one").cut();
    rig.run();
    rig.connected("one");
    for (int i = 0; i < 20; ++i) rig.client("one").publish("t/2", "x", qos::at_most_once);
    rig.run();
    const auto second = counts(rig, 3);
    CHECK(sum(second) == 80);
    if (strategy == share_strategy::sticky || strategy == share_strategy::hash_client)
      CHECK(served(second) == 1);

    // The one that had most of it goes: the others serve.
    const auto most =
        static_cast<std::size_t>(std::max_element(second.begin(), second.end()) - second.begin());
    rig.client(name(most)).cut();
    rig.run();
    for (int i = 0; i < 20; ++i) rig.client("two").publish("t/1", "x", qos::exactly_once);
    rig.run();
    const auto third = counts(rig, 3);
    CHECK(sum(third) == 100);
    CHECK(third[most] == second[most]);
    CHECK(rig.client("two").sending() == 0);
  }
}

TEST_CASE("what a member was owed goes to others, whatever the strategy", "[broker][share]") {
  const auto strategy = GENERATE(from_range(std::begin(all), std::end(all)));
  const bool kept = GENERATE(false, true);
  const auto seed = GENERATE(range(1, 8));
  CAPTURE(static_cast<int>(strategy), kept, seed);
  broker_rig rig(static_cast<std::uint64_t>(seed));
  rig.context().sharing.set(rules(strategy));
  for (std::size_t i = 0; i < 3; ++i) {
    auto& c = rig.connected(name(i), kept ? connect_terms{false, 5, 10, 0} : connect_terms{});
    c.eager = false;
    c.subscribe("$share/g/t", qos::at_least_once);
    rig.run();
  }
  rig.connected("publisher");
  for (int i = 0; i < 30; ++i)
    rig.client("publisher").publish("t", std::to_string(i), qos::at_least_once);
  rig.run();
  CHECK(rig.client("publisher").sending() == 0);
  // Two go and never come back; their sessions end with the connection or after 5 seconds.
  rig.client(name(0)).cut();
  rig.client(name(1)).cut();
  for (int i = 0; i < 20; ++i) rig.advance(1'000);
  auto& left = rig.client(name(2));
  left.eager = true;
  for (int i = 0; i < 10; ++i) {
    left.answer(1'000);
    rig.run();
  }
  std::set<std::string> seen;
  add(seen, left);
  CHECK(seen.size() == 30);
  CHECK(rig.owed() == 0);
  CHECK(rig.count(counter::messages_dropped_session_ended) == 0);
}

TEST_CASE("a full member is passed by as long as it is full", "[broker][share]") {
  const auto strategy = GENERATE(from_range(std::begin(all), std::end(all)));
  const bool kept = GENERATE(false, true);
  CAPTURE(static_cast<int>(strategy), kept);
  broker_rig rig;
  auto few = std::make_shared<broker_limits>();
  few->max_queued_messages = 10;
  rig.limits = few;
  rig.context().limits.set(few);
  rig.context().sharing.set(rules(strategy));
  for (std::size_t i = 0; i < 3; ++i) {
    // Each takes one message and does not answer, but the last.
    auto& c = rig.connected(name(i), {!kept, kept ? 1'000'000U : 0U, 1, 0});
    c.eager = i == 2;
    c.subscribe("$share/g/t", qos::at_least_once);
    rig.run();
  }
  rig.connected("publisher");
  for (int i = 0; i < 200; ++i) {
    rig.client("publisher").publish("t", std::to_string(i), qos::at_least_once);
    rig.run();
  }
  CHECK(rig.count(counter::messages_dropped_queue_full) == 0);
  CHECK(rig.client(name(2)).received.size() >= 170);
}

TEST_CASE("local_first serves where the publisher is, in a cluster", "[broker][cluster][share]") {
  const bool kept = GENERATE(false, true);
  CAPTURE(kept);
  cluster_rig rig(3);
  rig.share_by(share_strategy::local_first);
  for (std::size_t i = 0; i < 6; ++i) {
    rig.connect(name(i), i % 3, kept ? durable : connect_terms{});
    rig.run();
    REQUIRE(rig.client(name(i)).open);
    rig.client(name(i)).subscribe("$share/g/t/+", qos::at_least_once);
    rig.client(name(i)).subscribe("$share/g/exact", qos::at_least_once);
    rig.run();
  }
  for (std::size_t at = 0; at < 3; ++at) {
    CAPTURE(at);
    const auto before = counts(rig, 6);
    const auto id = "publisher " + std::to_string(at);
    rig.connect(id, at);
    rig.run();
    for (int i = 0; i < 24; ++i) {
      rig.client(id).publish("t/" + std::to_string(i), "x", qos::at_least_once);
      rig.client(id).publish("exact", "y", qos::at_least_once);
    }
    rig.run();
    CHECK(rig.client(id).sending() == 0);
    const auto after = counts(rig, 6);
    CHECK(sum(after) == sum(before) + 48);
    for (std::size_t i = 0; i < 6; ++i) {
      CAPTURE(i);
      if (i % 3 == at)
        CHECK(after[i] > before[i]);
      else
        CHECK(after[i] == before[i]);
    }
  }
  // Nobody is left at node 1: others get it. One moves there: it is local now.
  rig.client(name(1)).cut();
  rig.client(name(4)).cut();
  rig.run();
  const auto before = counts(rig, 6);
  for (int i = 0; i < 12; ++i) rig.client("publisher 1").publish("exact", "z", qos::at_least_once);
  rig.run();
  const auto away = counts(rig, 6);
  CHECK(sum(away) == sum(before) + 12);
  CHECK(away[1] + away[4] == before[1] + before[4]);
  rig.connect(name(0), 1, kept ? durable : connect_terms{});
  rig.run();
  REQUIRE(rig.client(name(0)).open);
  if (!kept) {
    rig.client(name(0)).subscribe("$share/g/exact", qos::at_least_once);
    rig.run();
  }
  for (int i = 0; i < 12; ++i) rig.client("publisher 1").publish("exact", "z", qos::at_least_once);
  rig.run();
  const auto moved = counts(rig, 6);
  CHECK(moved[0] == away[0] + 12);
  CHECK(sum(moved) == sum(away) + 12);
}

TEST_CASE("sticky and hash_client choose one member in a cluster, wherever the publisher is",
          "[broker][cluster][share]") {
  const auto strategy = GENERATE(share_strategy::sticky, share_strategy::hash_client);
  const bool kept = GENERATE(false, true);
  CAPTURE(static_cast<int>(strategy), kept);
  cluster_rig rig(3);
  rig.share_by(strategy);
  for (std::size_t i = 0; i < 6; ++i) {
    rig.connect(name(i), i % 3, kept ? durable : connect_terms{});
    rig.run();
    rig.client(name(i)).subscribe("$share/g/t/+", qos::at_least_once);
    rig.run();
  }
  // The same client at one node after the other, to topics of all shards.
  for (std::size_t at = 0; at < 3; ++at) {
    rig.connect("publisher", at);
    rig.run();
    for (int i = 0; i < 24; ++i)
      rig.client("publisher").publish("t/" + std::to_string(i), "x", qos::at_least_once);
    rig.run();
    CHECK(rig.client("publisher").sending() == 0);
  }
  const auto got = counts(rig, 6);
  CHECK(sum(got) == 72);
  CHECK(served(got) == 1);
  // Its node dies: somebody else gets what comes then.
  const auto most =
      static_cast<std::size_t>(std::max_element(got.begin(), got.end()) - got.begin());
  const auto dead = most % 3;
  const auto next = (dead + 1) % 3;
  rig.kill(dead);
  rig.run();
  for (std::uint16_t s = 0; s < cluster_rig::shards; ++s)
    if (!rig.owned(s)) rig.give(s, next);
  rig.run();
  for (int i = 0; i < 5; ++i) rig.advance(1'000);
  rig.connect("publisher", next);
  rig.run();
  REQUIRE(rig.client("publisher").open);
  for (int i = 0; i < 24; ++i)
    rig.client("publisher").publish("t/" + std::to_string(i), "y", qos::at_least_once);
  rig.run();
  rig.advance(2'000);
  CHECK(rig.client("publisher").sending() == 0);
  std::size_t heard = 0;
  for (std::size_t i = 0; i < 6; ++i)
    if (i % 3 != dead)
      for (const auto& m : rig.client(name(i)).received) heard += m.payload == "y" ? 1 : 0;
  CHECK(heard == 24);
}

TEST_CASE("a member that is full on another node loses little", "[broker][cluster][share]") {
  const auto strategy = GENERATE(from_range(std::begin(all), std::end(all)));
  const bool kept = GENERATE(false, true);
  CAPTURE(static_cast<int>(strategy), kept);
  cluster_rig rig(3);
  auto few = std::make_shared<broker_limits>();
  few->max_queued_messages = 10;
  rig.share_by(strategy);
  for (std::size_t at = 0; at < 3; ++at) rig.context(at).limits.set(few);
  for (std::size_t i = 0; i < 3; ++i) {
    rig.connect(name(i), i, {!kept, kept ? 1'000'000U : 0U, 1, 0});
    rig.run();
    rig.client(name(i)).eager = i == 2;
    rig.client(name(i)).subscribe("$share/g/t", qos::at_least_once);
    rig.run();
  }
  rig.connect("publisher", 0);
  rig.run();
  for (int i = 0; i < 200; ++i) {
    rig.client("publisher").publish("t", std::to_string(i), qos::at_least_once);
    rig.run();
  }
  CHECK(rig.client("publisher").sending() == 0);
  // One for each member: with it, who chooses hears of the full queue.
  CHECK(rig.count(counter::messages_dropped_queue_full) <= 2);
  CHECK(rig.client(name(2)).received.size() >= 170);
}

}  // namespace troupe::broker
