#include "actors/broker/once/choices.hpp"

#include "tests/support/catch.hpp"

#include <vector>

using namespace troupe;
using troupe::session::origin;

TEST_CASE("of what a publisher has released the latest choice is kept, older ones are passed") {
  broker::choices all;
  constexpr std::uint64_t publisher = 7;
  std::vector<origin> gone;
  const auto forget = [&](std::uint64_t first) {
    gone.clear();
    all.forget(publisher, {1, first}, [&](const origin& of) { gone.push_back(of); });
  };
  CHECK_FALSE(all.passed(publisher, {1, 1}));
  for (const std::uint64_t n : {3, 4, 6}) all.make(publisher, {1, n});
  CHECK(all.passed(publisher, {1, 2}));
  CHECK_FALSE(all.passed(publisher, {1, 3}));
  CHECK_FALSE(all.passed(publisher, {1, 5}));  // groups may have come since
  CHECK_FALSE(all.passed(publisher + 1, {1, 2}));

  forget(4);
  CHECK(gone.empty());  // 3 is the latest of those
  forget(6);
  CHECK(gone == std::vector<origin>{{1, 3}});
  CHECK(all.passed(publisher, {1, 3}));
  CHECK(all.find(publisher, {1, 4}) != nullptr);
  forget(100);
  CHECK(gone == std::vector<origin>{{1, 4}});
  CHECK(all.size() == 1);
  CHECK(all.passed(publisher, {1, 5}));
  CHECK_FALSE(all.passed(publisher, {2, 1}));  // a later life
  CHECK(all.passed(publisher, {0, 99}));
  forget(100);
  CHECK(gone.empty());
}
