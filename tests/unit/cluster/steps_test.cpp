#include "cluster/membership/group_step.hpp"
#include "cluster/membership/next_step.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/cluster/members.hpp"

#include <algorithm>

using namespace members;
namespace raft = troupe::cluster::raft;
namespace cmd = troupe::cluster::command;
using raft::member_role;
using change = server_change::kind;

namespace {

/// A meta group in which every change succeeds, and all logs are near.
struct meta {
  cluster_state state;
  meta_sight seen;

  explicit meta(std::uint32_t expect = 1) {
    state.apply(form(8, 3, expect));
    seen.self = id(1);
    seen.servers = {{id(1), member_role::voter}};
    seen.heard = seen.near = {id(1)};
  }
  void hear(std::uint64_t n) {
    seen.heard.insert(id(n));
    seen.near.insert(id(n));
  }
  void lose(std::uint64_t n) {
    seen.heard.erase(id(n));
    seen.near.erase(id(n));
  }
  member_role* role(node_id node) {
    for (auto& each : seen.servers)
      if (each.node == node) return &each.role;
    return nullptr;
  }
  std::size_t voters() const {
    return static_cast<std::size_t>(std::ranges::count(
        seen.servers, member_role::voter, [](const auto& each) { return each.role; }));
  }
  /// False: nothing to do.
  bool step() {
    const auto next = next_step(state, seen);
    if (const auto* what = std::get_if<cmd::any>(&next)) {
      REQUIRE(state.apply(*what).what == outcome::kind::changed);
    } else if (const auto* to = std::get_if<hand_over>(&next)) {
      REQUIRE(*role(to->to) == member_role::voter);
      seen.self = to->to;
    } else if (const auto* server = std::get_if<server_change>(&next)) {
      if (server->what == change::add) {
        REQUIRE(role(server->node) == nullptr);
        seen.servers.push_back({server->node, member_role::spare});
      } else if (server->what == change::assign) {
        REQUIRE(role(server->node) != nullptr);
        REQUIRE(*role(server->node) != server->as);
        *role(server->node) = server->as;
      } else {
        REQUIRE(server->node != seen.self);
        std::erase_if(seen.servers, [&](const auto& each) { return each.node == server->node; });
      }
    } else {
      return false;
    }
    return true;
  }
  void run() {
    for (int i = 0; i < 200; ++i)
      if (!step()) return;
    FAIL("it comes to no end");
  }
};

}  // namespace

TEST_CASE("members become servers, are confirmed, vote; then shards are placed") {
  meta one(3);
  one.run();
  CHECK(one.state.map().shards.empty());
  for (const std::uint64_t n : {2, 3}) {
    one.state.apply(join(n));
    one.run();
    CHECK(one.state.find(id(n))->state == member_state::joining);  // it cannot be heard
    one.hear(n);
    one.run();
    CHECK(one.state.find(id(n))->state == member_state::up);
    CHECK(*one.role(id(n)) == member_role::voter);
  }
  CHECK(one.state.map().shards.size() == 8);
  for (const auto& each : one.state.map().shards) CHECK(each.replicas.size() == 3);
}

TEST_CASE("shards of a cluster that one node forms begin on it, whoever comes meanwhile") {
  meta one;
  one.state.apply(join(2));
  one.hear(2);
  one.run();
  for (const auto& each : one.state.map().shards) {
    CHECK(each.born_on == replica_set{id(1)});
    CHECK(each.replicas.size() == 2);
  }
}

TEST_CASE("the eldest five vote, the others listen") {
  meta many;
  for (std::uint64_t n = 2; n <= 7; ++n) {
    many.state.apply(join(n));
    many.hear(n);
    many.run();
  }
  CHECK(many.voters() == 5);
  CHECK(many.seen.servers.size() == 7);
  CHECK(*many.role(id(7)) == member_role::standby);
  // One of them is evicted: another votes in its place.
  many.lose(3);
  many.state.apply(cmd::evict{id(3), true});
  many.run();
  CHECK(many.voters() == 5);
  CHECK(many.role(id(3)) == nullptr);
}

TEST_CASE("a leader that is evicted hands over first") {
  meta one;
  for (const std::uint64_t n : {2, 3}) {
    one.state.apply(join(n));
    one.hear(n);
  }
  one.run();
  one.state.apply(cmd::evict{id(1), true});
  one.run();
  CHECK(one.seen.self != id(1));
  CHECK(one.role(id(1)) == nullptr);
}

TEST_CASE("shards get replicas that they lack, and nothing else moves unasked") {
  meta one;
  one.run();
  CHECK(one.state.map().shards[0].replicas.size() == 1);
  for (const std::uint64_t n : {2, 3}) {
    one.state.apply(join(n));
    one.hear(n);
  }
  one.run();
  for (const auto& each : one.state.map().shards) CHECK(each.replicas.size() == 3);
  const auto version = one.state.map().version;
  one.state.apply(join(4));
  one.hear(4);
  one.run();
  CHECK(one.state.map().version == version);
  // Whoever leaves gives its shards away.
  one.state.apply(cmd::leave{id(2), false});
  one.run();
  CHECK(one.state.replicas_on(id(2)) == 0);
  CHECK(one.state.replicas_on(id(4)) != 0);
}

namespace {

struct group {
  group_sight seen;
  explicit group(std::vector<std::uint64_t> voters) {
    for (const auto n : voters) seen.servers.push_back({id(n), member_role::voter});
    seen.self = id(voters.front());
    for (std::uint64_t n = 1; n <= 9; ++n) seen.heard.insert(id(n)), seen.near.insert(id(n));
  }
  /// Until nothing is left to do; fewest voters on the way.
  std::size_t run(const replica_set& wanted) {
    std::size_t fewest = seen.servers.size();
    for (int i = 0; i < 100; ++i) {
      const auto next = next_group_step(wanted, seen);
      if (std::holds_alternative<std::monostate>(next)) return fewest;
      if (const auto* to = std::get_if<hand_over>(&next)) {
        seen.self = to->to;
        continue;
      }
      const auto& what = std::get<server_change>(next);
      if (what.what == change::add) seen.servers.push_back({what.node, what.as});
      if (what.what == change::remove)
        std::erase_if(seen.servers, [&](const auto& each) { return each.node == what.node; });
      for (auto& each : seen.servers)
        if (what.what == change::assign && each.node == what.node) each.role = what.as;
      fewest = std::min(fewest, static_cast<std::size_t>(std::ranges::count(
                                    seen.servers, member_role::voter,
                                    [](const auto& each) { return each.role; })));
    }
    FAIL("it comes to no end");
    return 0;
  }
};

}  // namespace

TEST_CASE("a group comes to its replica set and never has fewer voters meanwhile") {
  group here({1, 2, 3});
  CHECK(here.run({id(4), id(5), id(6)}) == 3);
  CHECK(agrees({id(4), id(5), id(6)}, here.seen.servers));
  CHECK(here.seen.self == id(4));
}

TEST_CASE("nobody goes before who is to come has everything") {
  group here({1, 2, 3});
  here.seen.near.erase(id(4));
  here.run({id(1), id(2), id(4)});
  CHECK(here.seen.servers.size() == 4);
  CHECK_FALSE(agrees({id(1), id(2), id(4)}, here.seen.servers));
  here.seen.near.insert(id(4));
  here.run({id(1), id(2), id(4)});
  CHECK(agrees({id(1), id(2), id(4)}, here.seen.servers));
}

TEST_CASE("who was taken away and comes back begins empty") {
  auto state = cluster_of(4, 1, 3);
  state.apply(cmd::place{0, {{troupe::shard_id{0}, {id(1), id(2), id(3)}}}});
  CHECK(state.map().shards[0].entitled(id(3)));
  state.apply(cmd::place{1, {{troupe::shard_id{0}, {id(1), id(2), id(4)}}}});
  state.apply(cmd::place{2, {{troupe::shard_id{0}, {id(1), id(2), id(3)}}}});
  CHECK(state.map().shards[0].entitled(id(1)));
  CHECK_FALSE(state.map().shards[0].entitled(id(3)));
  std::string error;
  CHECK(cluster_state::decode(state.encode(), error) == state);
}
