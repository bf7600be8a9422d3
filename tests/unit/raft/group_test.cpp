#include "tests/support/catch.hpp"
#include "tests/unit/raft/simulation.hpp"

namespace troupe::cluster::raft::test {
namespace {

sim_node& await_owner(simulation& run) {
  REQUIRE(run.run_until(5000, [&] { return run.owner() != nullptr; }));
  return *run.owner();
}

void check(simulation& run) {
  INFO(run.violation());
  CHECK(run.violation().empty());
}

}  // namespace

TEST_CASE("one server alone owns its group at once", "[group]") {
  simulation_options options;
  options.nodes = options.voters = 1;
  simulation run(options);
  auto& only = await_owner(run);
  CHECK(run.now() < 100);
  run.run_for(2000);
  CHECK(run.acknowledged() > 0);
  CHECK(only.lease_valid());
  check(run);
}

TEST_CASE("a leader that hears nobody steps down within an election timeout", "[group]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    simulation_options options;
    options.seed = seed;
    simulation run(options);
    auto& leader = await_owner(run);
    run.run_for(1000);
    REQUIRE(leader.lease_valid());
    run.isolate(leader.id(), true);
    const auto cut = run.now();
    REQUIRE(run.run_until(1000, [&] { return leader.group().role() != role::leader; }));
    CHECK(run.now() - cut <= 300 * 1.04 + 20);
    // Two to three timeouts are what the others need, one for the old promise and one of their own.
    REQUIRE(run.run_until(2000, [&] { return run.owner() && run.owner() != &leader; }));
    run.isolate(leader.id(), false);
    run.run_for(1000);
    check(run);
  }
}

TEST_CASE("a stopped process that goes on does not believe that it leads", "[group]") {
  simulation_options options;
  simulation run(options);
  auto& leader = await_owner(run);
  run.run_for(500);
  const auto lease = leader.group().lease_until();
  CHECK(lease > leader.clock());
  CHECK(lease < leader.clock() + 300);
}

TEST_CASE("leadership goes to the voter that is named", "[group]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    simulation_options options;
    options.seed = seed;
    simulation run(options);
    auto& leader = await_owner(run);
    run.run_for(500);
    const node_id to{number(leader.id()) % 3 + 1};
    auto result = outcome::stopped;
    leader.group().transfer_leadership(leader.clock(), to, [&](outcome how) { result = how; });
    CHECK(leader.group().lease_until() == 0);
    REQUIRE(run.run_until(600, [&] { return result != outcome::stopped; }));
    CHECK(result == outcome::done);
    REQUIRE(run.run_until(600, [&] { return run.find(to)->owns(); }));
    auto refused = outcome::done;
    leader.group().transfer_leadership(leader.clock(), to, [&](outcome how) { refused = how; });
    CHECK(refused == outcome::not_leader);
    check(run);
  }
}

TEST_CASE("a transfer to a node that is away ends, and the leader goes on", "[group]") {
  simulation_options options;
  simulation run(options);
  auto& leader = await_owner(run);
  run.run_for(500);
  const node_id to{number(leader.id()) % 3 + 1};
  run.isolate(to, true);
  auto result = outcome::stopped;
  leader.group().transfer_leadership(leader.clock(), to, [&](outcome how) { result = how; });
  REQUIRE(run.run_until(1000, [&] { return result != outcome::stopped; }));
  CHECK(result == outcome::timed_out);
  run.run_for(500);
  CHECK(leader.owns());
  CHECK(leader.lease_valid());
  check(run);
}

TEST_CASE("proposals beyond what may be in flight are refused", "[group]") {
  simulation_options options;
  simulation run(options);
  auto& leader = await_owner(run);
  run.stop_clients();
  run.run_for(200);
  for (std::uint32_t i = 1; i <= 3; ++i) {
    if (node_id{i} != leader.id()) run.isolate(node_id{i}, true);
  }
  std::size_t taken = 0;
  std::size_t refused = 0;
  std::size_t lost = 0;
  for (int i = 0; i < 100; ++i) {
    leader.group().propose(std::string(1000, 'x'), [&](outcome how, log_index) {
      if (how == outcome::full) ++refused;
      if (how == outcome::lost) ++lost;
    });
  }
  taken = 100 - refused;
  CHECK(taken > 10);
  CHECK(taken < 20);
  CHECK(leader.group().figures().in_flight_bytes <= 20'000);
  leader.group().flush(leader.clock());
  run.run_for(1000);
  CHECK(lost == taken);
  auto late = outcome::done;
  leader.group().propose("x", [&](outcome how, log_index) { late = how; });
  CHECK(late == outcome::not_leader);
  check(run);
}

TEST_CASE("the log stays bounded while a replica is away, which then gets the state", "[group]") {
  simulation_options options;
  simulation run(options);
  auto& leader = await_owner(run);
  const node_id away{number(leader.id()) % 3 + 1};
  run.isolate(away, true);
  std::uint64_t most = 0;
  for (int i = 0; i < 100; ++i) {
    run.run_for(100);
    most = std::max(most, run.owner()->group().figures().log_entries);
  }
  CHECK(most < 300);
  run.isolate(away, false);
  const auto caught_up = run.run_until(3000, [&] {
    return run.owner() && run.find(away)->state().index + 50 > run.owner()->state().index;
  });
  INFO(run.describe() + run.violation());
  REQUIRE(caught_up);
  CHECK(run.transferred() > 0);
  run.stop_clients();
  CHECK(run.run_until(3000, [&] { return run.all_equal(); }));
  check(run);
}

TEST_CASE("a new node becomes a voter while work goes on", "[group]") {
  simulation_options options;
  options.nodes = 4;
  simulation run(options);
  auto& leader = await_owner(run);
  run.run_for(3000);
  auto& group = leader.group();
  auto result = outcome::stopped;
  const auto wait = [&] {
    REQUIRE(run.run_until(5000, [&] { return result != outcome::stopped; }));
    CHECK(result == outcome::done);
    result = outcome::stopped;
  };
  const auto keep = [&](outcome how) { result = how; };
  group.add(leader.clock(), node_id{4}, keep);
  wait();
  group.assign(leader.clock(), node_id{4}, member_role::standby, keep);
  wait();
  REQUIRE(
      run.run_until(5000, [&] { return run.node(3).state().index + 20 > leader.state().index; }));
  group.assign(leader.clock(), node_id{4}, member_role::voter, keep);
  wait();
  // The leader itself goes: it commits that, and leads no longer.
  group.remove(leader.clock(), leader.id(), keep);
  wait();
  run.run_for(1500);
  REQUIRE(run.owner());
  CHECK(run.owner() != &leader);
  CHECK(run.owner()->group().members().size() == 3);
  run.stop_clients();
  CHECK(run.run_until(3000, [&] { return run.all_equal(); }));
  check(run);
}

}  // namespace troupe::cluster::raft::test
