#include "tests/unit/raft/simulation.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <string>

namespace troupe::cluster::raft::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const auto* value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

/// TROUPE_RAFT_SEEDS: how many seeds instead of few; TROUPE_RAFT_SEED: the first.
std::uint64_t seeds(std::uint64_t few) {
  return from_environment("TROUPE_RAFT_SEEDS", few);
}
std::uint64_t first_seed() {
  return from_environment("TROUPE_RAFT_SEED", 1);
}

struct totals {
  std::uint64_t acknowledged = 0;
  std::uint64_t elections = 0;
  std::uint64_t states = 0;
  std::uint64_t transfers = 0;
  std::uint64_t changes = 0;
};

/// Faults for a while, then peace: a leader, all replicas equal, nothing acknowledged lost.
std::string run_one(const simulation_options& options, totals& sum) {
  simulation run(options);
  run.run_for(12'000);
  if (!run.violation().empty()) return run.violation();
  run.heal();
  const auto led = run.run_until(4'000, [&] { return run.owner() != nullptr; });
  if (!run.violation().empty()) return run.violation();
  if (!led)
    return "seed " + std::to_string(options.seed) + ": no owner after healing" + run.describe();
  const auto before = run.acknowledged();
  run.run_for(2'000);
  if (!run.violation().empty()) return run.violation();
  if (run.acknowledged() == before) {
    return "seed " + std::to_string(options.seed) + ": nothing is committed after healing" +
           run.describe();
  }
  run.stop_clients();
  const auto equal = run.run_until(8'000, [&] { return run.all_equal(); });
  if (!run.violation().empty()) return run.violation();
  if (!equal)
    return "seed " + std::to_string(options.seed) + ": the replicas stay different" +
           run.describe();
  sum.acknowledged += run.acknowledged();
  sum.elections += run.elections();
  sum.states += run.transferred();
  sum.transfers += run.transfers_done();
  sum.changes += run.changes_done();
  return {};
}

totals run_all(simulation_options options, std::uint64_t few) {
  totals sum;
  for (std::uint64_t i = 0; i < seeds(few); ++i) {
    options.seed = first_seed() + i;
    const auto found = run_one(options, sum);
    INFO(found);
    REQUIRE(found.empty());
  }
  WARN(seeds(few) << " seeds: " << sum.acknowledged << " acknowledged, " << sum.elections
                  << " leaders, " << sum.states << " states transferred, " << sum.transfers
                  << " leaderships handed over, " << sum.changes << " membership changes");
  return sum;
}

}  // namespace

TEST_CASE("replicas agree when nothing goes wrong", "[simulation]") {
  simulation_options options;
  const auto sum = run_all(options, 5);
  CHECK(sum.acknowledged > 1000);
}

TEST_CASE("three replicas under every fault keep what was acknowledged", "[simulation]") {
  simulation_options options;
  options.faults = faults::all();
  const auto sum = run_all(options, 40);
  CHECK(sum.states > 0);
  CHECK(sum.transfers > 0);
}

TEST_CASE("five replicas under every fault keep what was acknowledged", "[simulation]") {
  simulation_options options;
  options.nodes = options.voters = 5;
  options.faults = faults::all();
  run_all(options, 20);
}

TEST_CASE("a storm of elections and deaths loses nothing", "[simulation]") {
  simulation_options options;
  options.faults = faults::storm();
  run_all(options, 30);
  options.nodes = options.voters = 5;
  run_all(options, 10);
}

TEST_CASE("members come and go in a storm", "[simulation]") {
  simulation_options options;
  options.nodes = 5;
  options.voters = 3;
  options.faults = faults::storm();
  options.faults.changes = true;
  run_all(options, 30);
}

TEST_CASE("members come and go under every fault", "[simulation]") {
  simulation_options options;
  options.nodes = 5;
  options.voters = 3;
  options.faults = faults::all();
  options.faults.changes = true;
  const auto sum = run_all(options, 40);
  CHECK(sum.changes > 0);
}

TEST_CASE("the simulation finds writes that are answered too early", "[simulation]") {
  simulation_options options;
  options.faults = faults::all();
  options.bug = planted::early_write;
  totals sum;
  for (options.seed = 1; options.seed <= 300; ++options.seed) {
    const auto found = run_one(options, sum);
    if (found.empty()) continue;
    WARN("found at " << found);
    return;
  }
  FAIL("300 seeds have found nothing");
}

TEST_CASE("the simulation finds a state that is called durable too early", "[simulation]") {
  simulation_options options;
  options.faults = faults::all();
  options.bug = planted::early_applied;
  totals sum;
  for (options.seed = 1; options.seed <= 300; ++options.seed) {
    const auto found = run_one(options, sum);
    if (found.empty()) continue;
    WARN("found at " << found);
    return;
  }
  FAIL("300 seeds have found nothing");
}

}  // namespace troupe::cluster::raft::test
