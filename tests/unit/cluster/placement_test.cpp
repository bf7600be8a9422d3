#include "cluster/map/placement.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/cluster/members.hpp"

#include <algorithm>
#include <random>
#include <set>

using namespace members;

namespace {

using loads = std::map<node_id, std::size_t>;

/// Nodes that may hold data and the map, without the rest of a cluster.
struct site {
  std::map<node_id, member> nodes;
  shard_map map;
  std::uint16_t shards = 64;
  std::uint32_t wanted = 3;

  void add(std::uint64_t n, member_kind kind = member_kind::full) {
    auto who = named(n, kind);
    who.state = member_state::up;
    nodes[who.node] = who;
  }

  placement_plan make() const { return plan(nodes, map, wanted, shards); }

  placement_plan apply() {
    auto made = make();
    if (map.shards.empty()) map.shards.resize(shards);
    for (const auto& each : made.moves) map.shards[number(each.shard)].replicas = each.after;
    ++map.version;
    check(made);
    return made;
  }

  loads replicas() const {
    loads all;
    for (const auto& [node, who] : nodes)
      if (who.kind == member_kind::full && who.state == member_state::up) all[node] = 0;
    for (const auto& each : map.shards)
      for (const auto node : each.replicas)
        if (const auto found = all.find(node); found != all.end()) ++found->second;
    return all;
  }

  loads witnessed() const {
    loads all;
    for (const auto& [node, who] : nodes)
      if (who.kind == member_kind::witness) all[node] = 0;
    for (const auto& each : map.shards)
      for (const auto node : each.replicas)
        if (const auto found = all.find(node); found != all.end()) ++found->second;
    return all;
  }

  loads owned() const {
    auto all = replicas();
    for (auto& [node, count] : all) count = 0;
    for (const auto& each : map.shards) ++all[each.replicas.front()];
    return all;
  }

  static std::size_t spread(const loads& all) {
    const auto [least, most] =
        std::ranges::minmax_element(all, {}, [](const auto& each) { return each.second; });
    return most->second - least->second;
  }

  void check(const placement_plan& made) const {
    for (const auto& each : map.shards) {
      const auto wanted_of_each = replicas_of_each(nodes, wanted);
      REQUIRE(wanted_of_each.full == made.replicas);
      REQUIRE(each.replicas.size() == wanted_of_each.all());
      const std::set<node_id> distinct(each.replicas.begin(), each.replicas.end());
      REQUIRE(distinct.size() == each.replicas.size());
      for (const auto node : each.replicas) {
        REQUIRE(nodes.contains(node));
        const bool last = wanted_of_each.witness && node == each.replicas.back();
        REQUIRE(nodes.at(node).kind == (last ? member_kind::witness : member_kind::full));
        REQUIRE(nodes.at(node).state == member_state::up);
      }
    }
    CHECK(spread(replicas()) <= 1);
    CHECK(spread(owned()) <= 1);
    CHECK(make().moves.empty());
  }
};

/// Replicas that must be copied whatever the plan: nodes that are new fill up to
/// their share, those that are gone are replaced.
std::size_t least_copies(const site& before, const site& after) {
  const auto nodes = after.replicas().size();
  const std::size_t replicas = std::min<std::size_t>(after.wanted, nodes);
  const std::size_t all = replicas * after.shards;
  const std::size_t floor = all / nodes;
  const std::size_t above = all % nodes;  // nodes that may hold one more
  std::vector<std::size_t> kept;
  const auto had = before.replicas();
  for (const auto& [node, count] : after.replicas())
    kept.push_back(had.contains(node) ? had.at(node) : 0);
  std::ranges::sort(kept, std::greater<>());
  std::size_t copies = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::size_t share = floor + (i < above ? 1 : 0);
    if (kept[i] < share) copies += share - kept[i];
  }
  return copies;
}

}  // namespace

TEST_CASE("one, two, three and four nodes", "[placement]") {
  site at;
  at.shards = 8;
  at.add(1);
  CHECK(at.apply().replicas == 1);
  CHECK(at.replicas() == loads{{id(1), 8}});
  at.add(2);
  const auto second = at.apply();
  CHECK(second.replicas == 2);
  CHECK(second.copies == 8);
  CHECK(at.owned() == loads{{id(1), 4}, {id(2), 4}});
  at.add(3);
  CHECK(at.apply().copies == 8);
  CHECK(at.replicas() == loads{{id(1), 8}, {id(2), 8}, {id(3), 8}});
  at.add(4);
  CHECK(at.apply().copies == 6);
}

TEST_CASE("who is not up holds nothing", "[placement]") {
  site at;
  at.add(1);
  at.add(2);
  at.add(4);
  at.nodes[id(4)].state = member_state::joining;
  const auto made = at.apply();
  CHECK(made.replicas == 2);
  CHECK(at.replicas().size() == 2);
}

TEST_CASE("a witness has the third replica while there are two nodes", "[placement]") {
  site at;
  at.add(1);
  at.add(3, member_kind::witness);
  CHECK(at.apply().copies == 64);  // half of one is none
  CHECK(at.witnessed() == loads{{id(3), 0}});
  at.add(2);
  const auto second = at.apply();
  CHECK(second.replicas == 2);
  CHECK(second.copies == 128);
  CHECK(at.witnessed() == loads{{id(3), 64}});
  // A second one takes half of them when there is a plan, and comes without harm.
  at.add(5, member_kind::witness);
  CHECK(at.apply().copies == 32);
  CHECK(at.witnessed() == loads{{id(3), 32}, {id(5), 32}});
  at.nodes.erase(id(5));
  CHECK(at.apply().copies == 32);
  SECTION("a third node takes over from it") {
    at.add(4);
    const auto third = at.apply();
    CHECK(third.replicas == 3);
    CHECK(third.dropped == 64);
    CHECK(at.witnessed() == loads{{id(3), 0}});
  }
  SECTION("with two wanted it is not asked") {
    at.wanted = 2;
    CHECK(at.apply().dropped == 64);
    CHECK(at.witnessed() == loads{{id(3), 0}});
  }
  SECTION("one node alone does without") {
    at.nodes.erase(id(2));
    at.apply();
    CHECK(at.witnessed() == loads{{id(3), 0}});
  }
}

TEST_CASE("without any node nothing is planned", "[placement]") {
  site at;
  CHECK(at.make().moves.empty());
  CHECK(at.make().replicas == 0);
  at.add(1);
  at.apply();
  at.nodes[id(1)].state = member_state::leaving;
  CHECK(at.make().moves.empty());
}

TEST_CASE("placement stays even, minimal and stable whatever comes and goes", "[placement]") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    site at;
    at.shards = static_cast<std::uint16_t>(1 + random() % 130);
    at.wanted = 1 + random() % 5;
    std::uint64_t next = 1;
    for (const auto count = 1 + random() % 6; next <= count; ++next) at.add(next * 7919 % 1009);
    at.apply();
    for (int step = 0; step < 8; ++step) {
      const site before = at;
      const bool grows = random() % 2 == 0 || at.nodes.size() < 2;
      if (grows) {
        at.add((next++) * 7919 % 1009);
      } else {
        auto victim = at.nodes.begin();
        std::advance(victim, random() % at.nodes.size());
        // Who left in good order is still a member; who was evicted is not.
        if (random() % 2 == 0)
          victim->second.state = member_state::leaving;
        else
          at.nodes.erase(victim);
        std::erase_if(at.nodes, [&](const auto& each) {
          return each.second.state == member_state::leaving && random() % 3 == 0;
        });
        if (std::ranges::none_of(
                at.nodes, [](const auto& each) { return each.second.state == member_state::up; }))
          at.add(next++ * 7919 % 1009);
      }
      site trimmed = at;
      trimmed.map = before.map;
      const auto made = at.apply();
      CHECK(made.copies == least_copies(before, at));
      // Whoever keeps its place in a set is not asked to move as an owner without need.
      CHECK(made.owners <= at.shards);
    }
  }
}

TEST_CASE("a joining node takes preferred ownership without disturbing the others", "[placement]") {
  site at;
  at.shards = 64;
  for (std::uint64_t n = 1; n <= 3; ++n) at.add(n);
  at.apply();
  at.add(4);
  const auto made = at.apply();
  CHECK(made.owners == 16);
  CHECK(made.copies == 48);
}

TEST_CASE("when a node dies its shards fall to many others", "[placement]") {
  site at;
  at.shards = 128;
  for (std::uint64_t n = 1; n <= 6; ++n) at.add(n);
  at.apply();
  loads heirs;
  for (const auto& each : at.map.shards)
    if (each.replicas.front() == id(1)) ++heirs[each.replicas[1]];
  CHECK(heirs.size() >= 4);
}

TEST_CASE("the largest cluster is planned in time", "[placement]") {
  site at;
  at.shards = 4096;
  for (std::uint64_t n = 1; n <= 64; ++n) at.add(n);
  at.apply();
  at.nodes.erase(id(9));
  at.add(100);
  at.apply();
}

TEST_CASE("a plan is told to people", "[placement]") {
  auto state = cluster_of(2, 8);
  auto made = plan(state);
  CHECK(describe(made, state) ==
        "8 of 8 shards change: 16 replicas to be copied, 0 to be given up, 8 preferred owners "
        "change. Replicas of each shard: 2.\n"
        "n1: replicas 0 -> 8, preferred owner of 0 -> 4\n"
        "n2: replicas 0 -> 8, preferred owner of 0 -> 4\n");
  REQUIRE(state.apply(command_of(made)).ok());
  CHECK(describe(plan(state), state) == "Nothing is to be moved.\n");
}
