#include "tests/support/catch.hpp"
#include "tools/troupe-bench/measure/sequence_checker.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <vector>

namespace troupe::bench {

TEST_CASE("messages in order are fresh and complete", "[bench]") {
  sequence_checker seen;
  for (std::uint64_t n = 0; n < 1'000; ++n) CHECK(seen.take(n) == arrival::fresh);
  CHECK(seen.lost(1'000) == 0);
  CHECK(seen.lost(1'003) == 3);
  CHECK(seen.duplicated() == 0);
  CHECK(seen.reordered() == 0);
}

TEST_CASE("lost, late and repeated messages are told apart", "[bench]") {
  sequence_checker seen;
  for (const std::uint64_t n : {0, 1, 4}) CHECK(seen.take(n) == arrival::fresh);
  CHECK(seen.take(2) == arrival::late);
  CHECK(seen.take(2) == arrival::duplicate);
  CHECK(seen.take(4) == arrival::duplicate);
  CHECK(seen.take(5) == arrival::fresh);
  CHECK(seen.lost(6) == 1);
  CHECK(seen.duplicated() == 2);
  CHECK(seen.reordered() == 1);
}

TEST_CASE("whatever comes, both checkers count as a plain list would", "[bench]") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::uint64_t> messages(300);
    std::iota(messages.begin(), messages.end(), 0);
    for (int i = 0; i < 20; ++i) messages.push_back(random() % 300);      // repeated
    for (int i = 0; i < 30; ++i)                                          // out of order
      std::swap(messages[random() % messages.size()], messages[random() % messages.size()]);
    for (int i = 0; i < 15; ++i) messages.erase(messages.begin() + random() % messages.size());

    sequence_checker one;
    group_checker group;
    std::map<std::uint64_t, int> count;
    std::uint64_t highest = 0;
    std::uint64_t late = 0;
    std::uint64_t repeated = 0;
    for (const auto n : messages) {
      const bool again = count[n]++ > 0;
      repeated += again ? 1 : 0;
      if (!again && n < highest) ++late;
      highest = std::max(highest, n);
      one.take(n);
      group.take(n);
    }
    CAPTURE(seed);
    CHECK(one.lost(300) == 300 - count.size());
    CHECK(one.duplicated() == repeated);
    CHECK(one.reordered() == late);
    CHECK(group.lost(300) == 300 - count.size());
    CHECK(group.duplicated() == repeated);
    CHECK(group.received() == count.size());
  }
}

}  // namespace troupe::bench
