#include "actors/observe/counters.hpp"
#include "actors/observe/figures/latency.hpp"

#include "tests/support/catch.hpp"

#include <memory>
#include <numeric>

using namespace troupe::observe;

TEST_CASE("one message in eight is timed, and one in a millisecond at most") {
  latency_block block;
  const auto taken = [&](int asked, std::int64_t now) {
    int n = 0;
    for (int i = 0; i < asked; ++i) n += block.takes(now) ? 1 : 0;
    return n;
  };
  CHECK(taken(7, 1) == 0);
  CHECK(taken(1, 1) == 1);
  CHECK(taken(800, 1) == 0);
  CHECK(taken(800, 2) == 1);
  int slow = 0;
  for (std::int64_t now = 10; now < 90; ++now) slow += taken(1, now);
  CHECK(slow == 10);
}

TEST_CASE("times are counted in the class of the bound that is not below them") {
  counter_set set(2);
  const auto add = [&](std::int64_t us) {
    set.latencies(1).add(latency_stage::sent, false, us);
  };
  add(-5);  // the clock was set back
  add(100);
  add(101);
  add(10'000'000);
  add(10'000'001);
  set.latencies(0).add(latency_stage::sent, false, 200);
  set.latencies(0).add(latency_stage::sent, true, 200);
  const auto all = set.latencies();
  const auto& own = all.own[static_cast<std::size_t>(latency_stage::sent)];
  CHECK(own.counts[0] == 2);
  CHECK(own.counts[1] == 2);
  CHECK(own.counts[latency_bounds.size() - 1] == 1);
  CHECK(own.counts.back() == 1);
  CHECK(std::accumulate(own.counts.begin(), own.counts.end(), std::uint64_t{0}) == 6);
  CHECK(own.seconds == 20.000402);
  CHECK(all.others[static_cast<std::size_t>(latency_stage::sent)].counts[1] == 1);
  CHECK(all.own[static_cast<std::size_t>(latency_stage::routed)].seconds == 0);
}
