#include "tests/unit/replication/history.hpp"

#include <cstdlib>

namespace troupe::replication::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const auto* value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

/// Has the owner of every shard change the membership, again while it is busy or lost its office.
template <class Change>
void change_all(replica_rig& rig, Change change) {
  using cluster::raft::outcome;
  for (std::uint16_t s = 0; s < rig.shards && !rig.failed(); ++s) {
    bool changed = false;
    bool asking = false;
    outcome last{};
    const bool ended = rig.run_until([&] {
      if (changed || asking) return changed;
      const auto owner = rig.owner(s);
      if (!owner) return false;
      asking = true;
      change(*rig.at(*owner).parts, static_cast<shard_id>(s), [&](outcome how) {
        asking = false;
        last = how;
        changed = how == outcome::done || how == outcome::invalid;  // an earlier one did it
      });
      return false;
    });
    if (!ended) rig.violate("a change of the members does not end: " + std::string(describe(last)));
  }
}

/// What has gone wrong, or nothing.
std::string run(std::uint64_t seed, std::uint64_t& acknowledged, std::uint64_t& taken_over) {
  replica_rig rig(seed);
  auto& random = rig.random;
  history past(rig);
  rig.start_all();
  std::map<std::pair<std::uint16_t, std::uint64_t>, std::uint64_t> sums;
  const auto look = [&](std::size_t i, std::uint16_t shard) {
    const auto sum = rig.checksum(i, shard);
    if (sum.failed) return;
    if (!sum.bodies_agree) rig.violate("bodies are counted wrongly");
    const auto [at, first] = sums.try_emplace({shard, sum.marks.index}, sum.content);
    if (!first && at->second != sum.content)
      rig.violate("replicas differ at " + std::to_string(sum.marks.index));
  };
  std::map<std::size_t, std::int64_t> back;  // when a node is started again, or goes on
  for (unsigned episode = 0; episode < 12 && !rig.failed(); ++episode) {
    rig.net.lost = random() % 3 == 0 ? 0.1 : 0.0;
    const auto i = random() % rig.nodes();
    switch (random() % 6) {
      case 0:
        rig.kill(i);
        break;
      case 1:
        rig.net.cut(rig.id_of(i), rig.id_of((i + 1) % rig.nodes()));
        break;
      case 2:
        for (std::size_t j = 0; j < rig.nodes(); ++j)
          if (j != i) rig.net.cut(rig.id_of(i), rig.id_of(j));
        break;
      case 3:
        rig.hold(i, true);
        break;
      case 4:
        if (rig.up(i)) {
          for (std::uint16_t s = 0; s < rig.shards; ++s)
            rig.at(i).parts->transfer(static_cast<shard_id>(s), rig.id_of(random() % rig.nodes()),
                                      nullptr);
        }
        break;
      default:
        rig.net.heal();
    }
    for (const auto end = rig.now + 100 + static_cast<std::int64_t>(random() % 900);
         rig.now < end && !rig.failed();) {
      if (random() % 3 != 0) past.act();
      rig.step();
      if (const auto j = random() % rig.nodes(); random() % 50 == 0 && rig.up(j))
        look(j, static_cast<std::uint16_t>(random() % rig.shards));
    }
    rig.hold(i, false);
    if (random() % 2 == 0) rig.net.heal();
    const auto j = random() % rig.nodes();
    if (!rig.up(j)) rig.start(j, rig.all());
  }
  rig.net.heal();
  rig.net.lost = 0;
  const auto settle = [&] {
    for (std::size_t i = 0; i < rig.nodes(); ++i)
      if (!rig.up(i)) rig.start(i, rig.all());
    if (!rig.run_until([&] { return rig.settled(); })) rig.violate("the nodes do not settle");
    rig.run(1200);
    if (!rig.run_until([&] { return rig.settled(); })) rig.violate("the nodes do not stay settled");
  };
  const auto serve = [&] {
    // Whoever owns a shard serves it.
    const auto before = past.acknowledged();
    for (unsigned n = 0; n < 30; ++n) past.act();
    if (!rig.run_until([&] { return past.acknowledged() > before + 10; }, 2000))
      rig.violate("owners do not serve");
    if (past.refused_since_settled) rig.violate("an owner refuses");
    rig.run(1200);
    if (!rig.run_until([&] { return rig.settled(); })) rig.violate("the nodes do not settle again");
  };
  const auto compare = [&] {
    for (std::uint16_t s = 0; s < rig.shards; ++s)
      for (std::size_t i = 0; i < rig.nodes(); ++i) look(i, s);
    if (!rig.failed()) past.check();
  };
  settle();
  past.refused_since_settled = false;
  if (!rig.failed()) serve();
  if (!rig.failed()) compare();
  if (!rig.failed() && random() % 3 == 0) {
    // Everybody has everything: one may lose it all.
    const auto i = random() % rig.nodes();
    rig.wipe(i);
    // With its log its promises are gone: it is a new member.
    using cluster::raft::member_role;
    change_all(rig, [&](replicas& owner, shard_id shard, replicas::changed done) {
      owner.remove_member(shard, rig.id_of(i), done);
    });
    rig.start(i, {});
    change_all(rig, [&](replicas& owner, shard_id shard, replicas::changed done) {
      owner.add_member(shard, rig.id_of(i), done);
    });
    for (unsigned n = 0; n < 100 && !rig.failed(); ++n) {
      past.act();
      rig.step();
    }
    for (const auto role : {member_role::standby, member_role::voter}) {
      change_all(rig, [&](replicas& owner, shard_id shard, replicas::changed done) {
        owner.assign_member(shard, rig.id_of(i), role, done);
      });
    }
    settle();
    if (!rig.failed()) compare();
  }
  acknowledged += past.acknowledged();
  rig.run(1100);
  for (std::size_t i = 0; i < rig.nodes(); ++i) {
    if (!rig.up(i)) continue;
    for (const auto& row : rig.at(i).parts->rows()) taken_over += row.transfers;
  }
  return rig.failed() ? rig.violation + "\n" + rig.describe() : std::string{};
}

}  // namespace

TEST_CASE("a history of transactions survives what networks and processes do",
          "[replication][history]") {
  const auto first = from_environment("TROUPE_REPLICATION_SEED", 1);
  const auto count = from_environment("TROUPE_REPLICATION_SEEDS", 200);
  std::uint64_t acknowledged = 0;
  std::uint64_t taken_over = 0;
  for (auto seed = first; seed < first + count; ++seed) {
    INFO("seed " << seed);
    REQUIRE(run(seed, acknowledged, taken_over) == "");
  }
  INFO("acknowledged " << acknowledged << ", states taken over " << taken_over);
  CHECK(acknowledged > count * 10);
  if (count > 50) CHECK(taken_over > 0);
}

}  // namespace troupe::replication::test
