#include "tests/unit/broker/cluster_rig.hpp"

#include <set>

namespace troupe::broker {
namespace {

using namespace test;
using mqtt::qos;

const connect_terms durable{false, 1'000'000, 100, 0};

std::string member(std::size_t i) {
  return "member " + std::to_string(i);
}

/// What a member got of a publisher, in order and without what came again.
std::vector<int> first_of(const simulated_client& who, const std::string& publisher) {
  std::vector<int> all;
  std::set<int> seen;
  for (const auto& m : who.received)
    if (m.payload.rfind(publisher + ":", 0) == 0)
      if (const auto n = std::stoi(m.payload.substr(publisher.size() + 1)); seen.insert(n).second)
        all.push_back(n);
  return all;
}

/// Three members and three publishers, each at its node, stay connected while shards, and with
/// them topics and all sessions, go from node to node.
void moving_owners(share_strategy strategy, std::uint64_t seed) {
  constexpr std::size_t count = 3;
  cluster_rig rig(count, seed);
  rig.share_by(strategy);
  for (std::size_t i = 0; i < count; ++i) {
    rig.connect(member(i), i, durable);
    rig.run();
    rig.client(member(i)).subscribe("$share/g/t/+", qos::at_least_once);
    rig.connect("p" + std::to_string(i), i, durable);
    rig.run();
  }
  std::vector<int> last(count);
  const auto say = [&](std::size_t i) {
    rig.client("p" + std::to_string(i))
        .publish("t/" + std::to_string(i), "p" + std::to_string(i) + ":" + std::to_string(++last[i]),
                 static_cast<qos>(1 + i % 2));
  };
  // A publisher whose QoS 2 id could not be written comes again.
  const auto come_back = [&] {
    for (std::size_t i = 0; i < count; ++i)
      if (const auto id = "p" + std::to_string(i); !rig.client(id).open) rig.connect(id, i, durable);
  };
  for (int step = 0; step < 300; ++step) {
    for (auto n = rig.random() % 20; n > 0; --n) rig.run_some();
    if (const auto i = rig.random() % count; rig.client("p" + std::to_string(i)).sending() < 20)
      say(i);
    if (step % 25 == 24)
      rig.give(static_cast<std::uint16_t>(rig.random() % cluster_rig::shards),
               rig.random() % count);
    if (step % 40 == 39) {
      rig.advance(500);
      come_back();
    }
  }
  for (int i = 0; i < 6; ++i) {
    rig.run();
    come_back();
    rig.advance(1'000);
  }
  for (std::size_t p = 0; p < count; ++p) {
    const auto publisher = "p" + std::to_string(p);
    CAPTURE(publisher, last[p]);
    CHECK(rig.client(publisher).sending() == 0);
    std::set<int> got;
    std::size_t served = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto all = first_of(rig.client(member(i)), publisher);
      CAPTURE(i, all);
      CHECK(rig.client(member(i)).open);
      CHECK(std::is_sorted(all.begin(), all.end()));
      got.insert(all.begin(), all.end());
      served += all.empty() ? 0 : 1;
    }
    CHECK(got.size() == static_cast<std::size_t>(last[p]));
    CHECK(served == 1);
  }
}

}  // namespace

TEST_CASE("what a publisher says goes to one member in its order, whoever owns the shards",
          "[broker][cluster][share]") {
  const auto strategy = GENERATE(share_strategy::sticky, share_strategy::hash_client);
  const auto seed = GENERATE(range(1, 31));
  CAPTURE(static_cast<int>(strategy), seed);
  moving_owners(strategy, static_cast<std::uint64_t>(seed));
}

}  // namespace troupe::broker
