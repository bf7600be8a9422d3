#include "actors/node/drain.hpp"

#include "tests/support/catch.hpp"

#include <limits>

using troupe::node::drain_pace;

TEST_CASE("drain: so many a second, however the clock is looked at") {
  const std::uint32_t rate = GENERATE(1U, 3U, 7U, 100U, 999U, 12'345U, 1'000'000U);
  const std::int64_t step = GENERATE(1, 7, 16, 100, 333, 1000);
  drain_pace pace(rate, 5'000);
  std::int64_t now = 5'000;
  std::uint64_t sent = 0;
  while (now + step <= 65'000) sent += pace.due(now += step);
  CHECK(sent == static_cast<std::uint64_t>(now - 5'000) * rate / 1000);
}

TEST_CASE("drain: nobody leaves before the time, and one client a second is possible") {
  drain_pace pace(1, 0);
  CHECK(pace.due(0) == 0);
  CHECK(pace.due(999) == 0);
  CHECK(pace.due(1'000) == 1);
  CHECK(pace.due(1'000) == 0);
  CHECK(pace.due(2'000) == 1);
}

TEST_CASE("drain: after a pause not everybody leaves at once") {
  drain_pace pace(10, 0);
  CHECK(pace.due(100'000) == 10);
  CHECK(pace.due(100'100) == 1);
}

TEST_CASE("drain: a clock that goes back sends nobody away") {
  drain_pace pace(1000, 10'000);
  CHECK(pace.due(9'000) == 0);
  CHECK(pace.due(10'000) == 0);
  CHECK(pace.due(10'005) == 5);
}

TEST_CASE("drain: the highest rate does not overflow") {
  drain_pace pace(std::numeric_limits<std::uint32_t>::max(), 0);
  CHECK(pace.due(std::numeric_limits<std::int64_t>::max()) ==
        std::numeric_limits<std::uint32_t>::max());
}
