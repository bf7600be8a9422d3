#include "protocol/session/subscription_ids.hpp"

#include <algorithm>
#include <vector>

#include "protocol/session/delivery.hpp"
#include "tests/support/catch.hpp"

namespace troupe::session {
namespace {

using ids = std::vector<std::uint32_t>;

TEST_CASE("subscription identifiers are added to one copy only", "[session]") {
  subscription_ids first;
  CHECK(first.empty());
  CHECK(first.size() == 0);
  CHECK(first.begin() == first.end());
  first.push_back(7);
  auto second = first;
  const ids more{268435455, 1};
  second.append(more.begin(), more.end());
  CHECK(std::ranges::equal(first, ids{7}));
  CHECK(std::ranges::equal(second, ids{7, 268435455, 1}));
  second.assign(more.end(), more.end());
  CHECK(second.empty());
}

TEST_CASE("a message in a queue takes one cache line", "[session]") {
  STATIC_REQUIRE(sizeof(delivery) == 64);
}

}  // namespace
}  // namespace troupe::session
