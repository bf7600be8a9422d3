#include "actors/broker/audit/route_report.hpp"
#include "tests/unit/broker/cluster_rig.hpp"

namespace troupe::broker {
namespace {

using namespace test;
using mqtt::qos;
using observe::counter;

const connect_terms durable{false, 1'000'000, 100, 0};

std::vector<route_report> ask(cluster_rig& rig, std::size_t at, const std::string& topic) {
  std::optional<std::vector<route_report>> answer;
  auto& c = rig.context(at);
  tell(c.topic_shard(topic),
       route_question{topic, [&](std::vector<route_report> all) { answer = std::move(all); }});
  rig.run();
  REQUIRE(answer);
  return std::move(*answer);
}

/// Reports of all topic shards and wildcard indexes, as that node hears of them.
std::vector<route_report> audit(cluster_rig& rig, std::size_t at) {
  std::vector<route_report> all;
  std::size_t open = cluster_rig::shards + 1U;
  const auto take = [&](std::vector<route_report> some) {
    --open;
    for (auto& each : some) all.push_back(std::move(each));
  };
  for (const auto& shard : rig.context(at).topic_shards) tell(shard, route_question{{}, take});
  tell(rig.context(at).wildcard_index, route_question{{}, take});
  rig.run();
  REQUIRE(open == 0);
  return all;
}

/// A frame that a node never sent: what a fault would do to the routes there.
void plant(cluster_rig& rig, std::size_t at, std::size_t from, const std::string& filter,
           session_id session, bool kept, bool add) {
  peer::RouteChange frame;
  frame.set_pairing(rig.net.pairing(cluster_rig::id_of(from), cluster_rig::id_of(at)));
  auto& r = *frame.mutable_route();
  r.set_add(add);
  r.set_filter(filter);
  r.set_session(session.value);
  r.set_durable(kept);
  if (kept) r.set_epoch(rig.context(0).remote->owner(session.shard()).epoch);
  r.set_options(1);
  peer_message message{cluster_rig::id_of(from), static_cast<std::uint8_t>(frame_kind::route),
                       frame.SerializeAsString()};
  auto& c = rig.context(at);
  if (filter.find_first_of("+#") != std::string::npos)
    tell(c.wildcard_index, std::move(message));
  else
    tell(c.topic_shard(filter), std::move(message));
  rig.run();
}

void wait(cluster_rig& rig, int seconds) {
  for (int i = 0; i < seconds; ++i) rig.advance(1'000);
}

std::size_t owner_of(cluster_rig& rig, const std::string& topic) {
  return rig.context(0).remote->owner(rig.context(0).shard_of(topic)).node == cluster_rig::id_of(0)
             ? 0
             : number(rig.context(0).remote->owner(rig.context(0).shard_of(topic)).node) - 1;
}

/// Clients come, go, subscribe and unsubscribe while the checks run.
void live(std::uint64_t seed, bool owners_move) {
  cluster_rig rig(3, seed);
  const auto chance = [&](std::uint64_t n) { return rig.random() % n; };
  for (int step = 0; step < 60; ++step) {
    for (int i = 0; i < 12; ++i) {
      const auto n = chance(9);
      const auto id = "device " + std::to_string(n);
      const auto filter = (chance(3) == 0 ? "$share/g/" : "") +
                          std::string(chance(2) == 0 ? "t/" : "+/") + std::to_string(chance(6));
      switch (chance(4)) {
        case 0:
          rig.connect(id, chance(3), n < 5 ? durable : connect_terms{});
          break;
        case 1:
          if (rig.client(id).open) rig.client(id).unsubscribe(filter);
          break;
        default:
          if (rig.client(id).open)
            rig.client(id).subscribe(filter, static_cast<qos>(chance(3)),
                                     static_cast<std::uint32_t>(chance(3)));
      }
      for (auto k = chance(30); k > 0; --k) rig.run_some();
    }
    // Owners move while updates are under way.
    if (owners_move && step % 7 == 6)
      rig.give(static_cast<std::uint16_t>(chance(cluster_rig::shards)), chance(3));
    rig.advance(1'000);
  }
  CHECK(rig.count(counter::route_drift) == 0);
  wait(rig, 25);
  CHECK(rig.count(counter::route_drift) == 0);
  std::size_t checks = 0;
  for (std::size_t at = 0; at < 3; ++at)
    for (const auto& report : audit(rig, at)) {
      CHECK(report.answered);
      CHECK(report.drifts == 0);
      for (const auto& check : report.checks) {
        ++checks;
        CHECK(check.announced == check.held);
      }
    }
  CHECK(checks > 50);
}

}  // namespace

TEST_CASE("any node tells who gets a topic and by which way", "[broker][cluster][audit]") {
  cluster_rig rig(3);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto id = "device " + std::to_string(i);
    rig.connect(id, i % 3, i < 3 ? durable : connect_terms{});
    rig.run();
    rig.client(id).subscribe("a/b/c", qos::at_least_once);
    rig.client(id).subscribe(i % 2 == 0 ? "a/+/c" : "$share/g/a/#", qos::exactly_once);
    rig.client(id).subscribe("b/#", qos::at_most_once);
    rig.run();
  }
  for (std::size_t at = 0; at < 3; ++at) {
    CAPTURE(at);
    const auto reports = ask(rig, at, "a/b/c");
    REQUIRE(reports.size() == 1);
    const auto& report = reports[0];
    CHECK(report.answered);
    CHECK(report.by == cluster_rig::id_of(owner_of(rig, "a/b/c")));
    CHECK(report.owner.node == report.by);
    CHECK(report.owner.epoch > 0);
    CHECK(report.routes_in_all == 12);
    REQUIRE(report.routes.size() == 12);
    std::map<std::string, int> filters;
    for (const auto& r : report.routes) {
      ++filters[r.share.empty() ? r.filter : r.share];
      CHECK(r.online);
      const auto shard_owner = rig.context(0).remote->owner(r.session.shard()).node;
      if (r.durable)
        CHECK(r.via == shard_owner);
      else
        CHECK(r.via == r.at);
      if (!r.client_id.empty()) {
        const auto i = static_cast<std::size_t>(r.client_id.back() - '0');
        CHECK(r.at == cluster_rig::id_of(i % 3));
        CHECK(r.durable == (i < 3));
      }
    }
    CHECK(filters == std::map<std::string, int>{{"a/b/c", 6}, {"a/+/c", 3}, {"$share/g/a/#", 3}});
    CHECK(ask(rig, at, "c")[0].routes.empty());
  }
}

TEST_CASE("without an owner a node tells what it has itself", "[broker][cluster][audit]") {
  cluster_rig rig(2);
  rig.connect("device", 1);
  rig.run();
  rig.client("device").subscribe("x", qos::at_least_once);
  rig.run();
  rig.give_to(number(rig.context(1).shard_of("x")), cluster::no_node);
  rig.run();
  const auto reports = ask(rig, 1, "x");
  REQUIRE(reports.size() == 1);
  CHECK_FALSE(reports[0].answered);
  CHECK(reports[0].routes.size() == 1);
}

TEST_CASE("the checks of a healthy cluster find nothing", "[broker][cluster][audit]") {
  const auto seed = GENERATE(range(1, 16));
  CAPTURE(seed);
  live(static_cast<std::uint64_t>(seed), false);
}

TEST_CASE("nor while owners move", "[broker][cluster][audit]") {
  const auto seed = GENERATE(range(1, 31));
  CAPTURE(seed);
  live(static_cast<std::uint64_t>(seed), true);
}

TEST_CASE("drift is found, counted and repaired", "[broker][cluster][audit]") {
  const std::string filter = GENERATE("exact", "a/+");
  const bool kept = GENERATE(false, true);
  CAPTURE(filter, kept);
  const bool wildcards = filter != "exact";
  const std::string topic = wildcards ? "a/b" : filter;
  cluster_rig rig(3);
  const auto owner = owner_of(rig, topic);
  // Some client whose routes another node announces.
  std::size_t announcer = 0;
  session_id session;
  std::string id;
  for (int i = 0; id.empty() && i < 30; ++i) {
    const auto name = "device " + std::to_string(i);
    const auto at = kept ? owner : (owner + 1) % 3;
    rig.connect(name, at, kept ? durable : connect_terms{});
    rig.run();
    rig.client(name).subscribe(filter, qos::at_least_once);
    rig.run();
    const auto shard = rig.context(0).shard_of(name);
    announcer = kept ? number(rig.context(0).remote->owner(shard).node) - 1 : at;
    if (announcer != owner) id = name;
  }
  REQUIRE_FALSE(id.empty());
  const auto found = ask(rig, announcer, topic);
  for (const auto& r : found[0].routes)
    if (r.client_id == id) session = r.session;
  REQUIRE(session);
  const auto mine = [&] {
    const auto report = ask(rig, owner, topic)[0];
    return std::count_if(report.routes.begin(), report.routes.end(),
                         [&](const auto& r) { return r.session == session; });
  };
  const auto in_all = ask(rig, owner, topic)[0].routes_in_all;
  wait(rig, 25);
  REQUIRE(rig.count(counter::route_drift) == 0);
  REQUIRE(mine() == 1);

  SECTION("a route that is missing") {
    plant(rig, owner, announcer, filter, session, kept, false);
    REQUIRE(mine() == 0);
    wait(rig, 25);
    CHECK(mine() == 1);
    rig.connect("publisher", owner);
    rig.run();
    rig.client("publisher").publish(topic, "heard", qos::at_least_once);
    rig.run();
    CHECK(rig.client(id).received.size() == 1);
  }
  SECTION("one that is too much") {
    plant(rig, owner, announcer, filter, session_id(session.shard(), 0xABCDEF), kept, true);
    REQUIRE(ask(rig, owner, topic)[0].routes_in_all == in_all + 1);
    wait(rig, 25);
  }
  SECTION("one of another announcer") {
    if (!kept) return;
    const auto third = 3 - owner - announcer;
    plant(rig, owner, third, filter, session_id(session.shard(), 0xABCDEF), true, true);
    REQUIRE(ask(rig, owner, topic)[0].routes_in_all == in_all + 1);
    wait(rig, 25);
  }
  SECTION("one with other terms") {
    peer::RouteChange frame;
    frame.set_pairing(rig.net.pairing(cluster_rig::id_of(announcer), cluster_rig::id_of(owner)));
    auto& r = *frame.mutable_route();
    r.set_add(true);
    r.set_filter(filter);
    r.set_session(session.value);
    r.set_durable(kept);
    r.set_online(true);
    if (kept) r.set_epoch(rig.context(0).remote->owner(session.shard()).epoch);
    r.set_options(0);
    peer_message message{cluster_rig::id_of(announcer),
                         static_cast<std::uint8_t>(frame_kind::route), frame.SerializeAsString()};
    if (wildcards)
      tell(rig.context(owner).wildcard_index, std::move(message));
    else
      tell(rig.context(owner).topic_shard(filter), std::move(message));
    rig.run();
    wait(rig, 25);
    const auto repaired = ask(rig, owner, topic);
    for (const auto& each : repaired[0].routes)
      if (each.session == session) CHECK(each.level == qos::at_least_once);
  }
  CHECK(rig.count(counter::route_drift) == 1);
  CHECK(mine() == 1);
  CHECK(ask(rig, owner, topic)[0].routes_in_all == in_all);
  std::uint64_t drifts = 0;
  for (const auto& report : audit(rig, announcer)) drifts += report.drifts;
  CHECK(drifts == 1);
  // It stays well.
  wait(rig, 40);
  CHECK(rig.count(counter::route_drift) == 1);
}

}  // namespace troupe::broker
