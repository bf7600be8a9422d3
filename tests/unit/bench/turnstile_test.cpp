#include "tools/troupe-bench/engine/turnstile.hpp"

#include "tests/support/catch.hpp"

namespace troupe::bench {

TEST_CASE("a storm has as many connections as were asked for, each with its number", "[bench]") {
  visit_plan visits;
  visits.limit = 3;
  for (std::uint64_t number = 0; number < 3; ++number) CHECK(visits.take() == number);
  CHECK_FALSE(visits.take());
  CHECK_FALSE(visits.take());
}

TEST_CASE("a storm that is over has no more connections", "[bench]") {
  visit_plan visits;
  CHECK(visits.take() == 0);
  visits.going.store(false);
  CHECK_FALSE(visits.take());
}

}  // namespace troupe::bench
