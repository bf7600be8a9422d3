#include "cluster/map/shard_owners.hpp"

#include "cluster/map/readiness.hpp"
#include "tests/support/catch.hpp"

#include <atomic>
#include <thread>

using namespace troupe::cluster;
using troupe::shard_id;

namespace {

constexpr node_id a{11};
constexpr node_id b{22};
constexpr shard_id s{3};

}  // namespace

TEST_CASE("the highest epoch owns the shard", "[owners]") {
  shard_owners table(8);
  CHECK(table.of(s) == shard_owner{});
  CHECK(table.look().without_owner == 8);
  CHECK(table.announce(a, s, 5));
  CHECK(table.of(s) == shard_owner{a, 5});
  CHECK_FALSE(table.announce(a, s, 5));
  CHECK_FALSE(table.announce(b, s, 4));
  CHECK(table.of(s) == shard_owner{a, 5});
  CHECK(table.announce(b, s, 7));
  CHECK(table.of(s) == shard_owner{b, 7});
  const auto now = table.look();
  CHECK(now.without_owner == 7);
  CHECK(now.owned.at(b) == 1);
  CHECK_FALSE(now.owned.contains(a));
  CHECK(now.stale == 1);
  CHECK(now.changes == 2);
}

TEST_CASE("two owners of one epoch are a contradiction that changes nothing", "[owners]") {
  shard_owners table(8);
  table.announce(a, s, 5);
  CHECK_FALSE(table.announce(b, s, 5));
  CHECK(table.of(s) == shard_owner{a, 5});
  CHECK(table.look().contradictions == 1);
}

TEST_CASE("who gave a shard up does not own that epoch again", "[owners]") {
  shard_owners table(8);
  table.announce(a, s, 5);
  CHECK_FALSE(table.withdraw(b, s, 5));
  CHECK_FALSE(table.withdraw(a, s, 4));
  CHECK(table.withdraw(a, s, 5));
  CHECK(table.of(s) == shard_owner{no_node, 5});
  CHECK_FALSE(table.announce(a, s, 5));
  CHECK_FALSE(table.announce(b, s, 4));
  CHECK(table.announce(a, s, 6));
  CHECK_FALSE(table.withdraw(a, s, 5));
  CHECK(table.of(s) == shard_owner{a, 6});
}

TEST_CASE("a lost peer owns nothing until it says so again", "[owners]") {
  shard_owners table(8);
  table.announce(a, s, 5);
  table.announce(b, shard_id{1}, 2);
  table.announce(a, shard_id{7}, 1);
  CHECK(table.peer_lost(a) == std::vector{s, shard_id{7}});
  CHECK(table.of(s) == shard_owner{no_node, 5});
  CHECK(table.of(shard_id{1}) == shard_owner{b, 2});
  CHECK(table.peer_lost(a).empty());
  CHECK(table.announce(a, s, 5));
  CHECK(table.of(s) == shard_owner{a, 5});
  table.peer_lost(a);
  CHECK_FALSE(table.announce(b, s, 5));
  CHECK(table.look().contradictions == 1);
  CHECK(table.announce(b, s, 6));
  CHECK_FALSE(table.announce(a, s, 5));
}

TEST_CASE("what is out of range or from nobody is ignored", "[owners]") {
  shard_owners table(8);
  CHECK_FALSE(table.announce(a, shard_id{8}, 1));
  CHECK_FALSE(table.announce(no_node, s, 1));
  CHECK_FALSE(table.withdraw(a, shard_id{8}, 1));
  CHECK(table.peer_lost(no_node).empty());
  CHECK(table.look().without_owner == 8);
}

TEST_CASE("readers see an owner and its epoch together", "[owners]") {
  shard_owners table(2);
  std::atomic<bool> done{false};
  std::atomic<bool> torn{false};
  std::thread reader([&] {
    std::uint64_t last = 0;
    while (!done.load()) {
      const auto now = table.of(shard_id{1});
      // Even epochs belong to a, odd ones to b.
      if (now.node != no_node && now.node != (now.epoch % 2 == 0 ? a : b)) torn = true;
      if (now.epoch < last) torn = true;
      last = now.epoch;
    }
  });
  for (std::uint64_t epoch = 1; epoch < 200'000; ++epoch)
    table.announce(epoch % 2 == 0 ? a : b, shard_id{1}, epoch);
  done = true;
  reader.join();
  CHECK_FALSE(torn.load());
}

TEST_CASE("a node says why devices should not come to it", "[readiness]") {
  const auto lines = [](sight of) { return reasons_against(of); };
  using reasons = std::vector<std::string>;
  CHECK(lines({true, true, 3, 3, true, 0}).empty());
  CHECK(lines({}) == reasons{"This node is no member of a cluster yet"});
  CHECK(lines({true, true, 1, 3, false, 0}) ==
        reasons{"The cluster has 1 of 3 members that bootstrap_expect asks for"});
  CHECK(lines({false, false, 0, 3, false, 0}) ==
        reasons{"The cluster has 0 of 3 members that bootstrap_expect asks for"});
  CHECK(lines({true, false, 3, 3, true, 21}) ==
        reasons{"No majority of the cluster is in sight", "Shards without an owner: 21"});
  CHECK(lines({true, true, 3, 3, false, 0}) == reasons{"The shards are not placed yet"});
}
