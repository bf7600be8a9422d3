#include "tests/support/catch.hpp"
#include "tools/troupe-bench/measure/histogram.hpp"

#include <algorithm>
#include <random>
#include <vector>

namespace troupe::bench {

TEST_CASE("quantiles are at most 0.8 % too high, never too low", "[bench]") {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> values;
  histogram counted;
  for (int i = 0; i < 50'000; ++i) {
    const auto value = random() >> (24 + random() % 40);  // from nanoseconds to minutes
    values.push_back(std::min(value, histogram::largest));
    counted.record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.0001, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size()));
    const auto exact = values[std::max<std::size_t>(rank, 1) - 1];
    const auto told = counted.quantile(share);
    CAPTURE(share, exact, told);
    CHECK(told >= exact);
    CHECK(static_cast<double>(told) <= static_cast<double>(exact) * 1.008 + 1);
  }
  CHECK(counted.minimum() == values.front());
  CHECK(counted.maximum() == values.back());
  CHECK(counted.count() == values.size());
}

TEST_CASE("merged histograms tell what one would", "[bench]") {
  histogram one;
  histogram two;
  histogram all;
  for (std::uint64_t value = 1; value < 20'000; value += 7) {
    (value % 2 == 0 ? one : two).record(value);
    all.record(value);
  }
  one.merge(two);
  for (const double share : {0.1, 0.5, 0.999}) CHECK(one.quantile(share) == all.quantile(share));
  CHECK(one.mean() == Approx(all.mean()));
  CHECK(one.maximum() == all.maximum());
}

TEST_CASE("an empty histogram tells nothing but zeros", "[bench]") {
  const histogram none;
  CHECK(none.quantile(0.99) == 0);
  CHECK(none.minimum() == 0);
  CHECK(none.mean() == 0);
}

}  // namespace troupe::bench
