#include "cluster/membership/cut_off.hpp"

#include "tests/support/catch.hpp"

using troupe::cluster::cut_off_watch;

namespace {

constexpr cut_off_watch::sight served{true, true, 3, 3};
constexpr cut_off_watch::sight electing{true, false, 3, 2};
constexpr cut_off_watch::sight alone{true, false, 3, 1};

}  // namespace

TEST_CASE("a node is cut off when it has heard no leader for a while and too few voters",
          "[cut_off]") {
  cut_off_watch watch(3'000);
  CHECK_FALSE(watch.look(served, 0));
  CHECK_FALSE(watch.look(alone, 1'000));
  CHECK_FALSE(watch.look(alone, 3'999));
  CHECK(watch.look(alone, 4'000));
  CHECK(watch.look(alone, 100'000));
  CHECK_FALSE(watch.look(served, 100'100));
  CHECK_FALSE(watch.look(alone, 100'200));
}

TEST_CASE("a node that hears enough voters waits for their election", "[cut_off]") {
  cut_off_watch watch(3'000);
  CHECK_FALSE(watch.look(electing, 0));
  CHECK_FALSE(watch.look(electing, 60'000));
  // The time without a leader counts, whoever was heard meanwhile.
  CHECK(watch.look(alone, 60'100));
  CHECK_FALSE(watch.look(electing, 60'200));
}

TEST_CASE("half of the voters are no majority", "[cut_off]") {
  cut_off_watch watch(0);
  CHECK(watch.look({true, false, 4, 2}, 0));
  CHECK_FALSE(watch.look({true, false, 4, 3}, 0));
}

TEST_CASE("who is no member yet, or does not know the voters, is not cut off", "[cut_off]") {
  cut_off_watch watch(0);
  CHECK_FALSE(watch.look({false, false, 3, 1}, 0));
  CHECK_FALSE(watch.look({true, false, 0, 0}, 0));
}
