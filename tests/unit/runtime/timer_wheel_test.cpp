#include "actors/runtime/time/timer_wheel.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

using troupe::runtime::timer_entry;
using troupe::runtime::timer_wheel;

namespace {

struct recorder : timer_entry {
  void on_timer() override { ++fired; }
  int fired = 0;
};

constexpr std::int64_t start = 1'234'567;
constexpr auto step = timer_wheel::resolution_ms;

}  // namespace

TEST_CASE("a timer fires once, never early and one tick late at most", "[timer_wheel]") {
  timer_wheel wheel{start};
  recorder x;
  wheel.schedule(x, start + 1000);
  CHECK(x.scheduled());
  wheel.advance(start + 999);
  CHECK(x.fired == 0);
  wheel.advance(start + 1000 + step);
  CHECK(x.fired == 1);
  CHECK_FALSE(x.scheduled());
  wheel.advance(start + 100'000);
  CHECK(x.fired == 1);
}

TEST_CASE("a time that has passed fires with the next tick", "[timer_wheel]") {
  timer_wheel wheel{start};
  recorder x;
  wheel.schedule(x, start - 5000);
  wheel.advance(start + step);
  CHECK(x.fired == 1);
}

TEST_CASE("cancelled, rescheduled and destroyed timers do not fire", "[timer_wheel]") {
  timer_wheel wheel{start};
  recorder cancelled;
  recorder moved;
  auto dead = std::make_unique<recorder>();
  wheel.schedule(cancelled, start + 100);
  wheel.schedule(moved, start + 100);
  wheel.schedule(*dead, start + 100);
  wheel.cancel(cancelled);
  wheel.schedule(moved, start + 5000);
  dead.reset();
  wheel.advance(start + 1000);
  CHECK(cancelled.fired == 0);
  CHECK(moved.fired == 0);
  wheel.advance(start + 6000);
  CHECK(moved.fired == 1);
  wheel.schedule(moved, timer_wheel::never);
  CHECK_FALSE(moved.scheduled());
  CHECK(wheel.next() == timer_wheel::never);
}

TEST_CASE("next() leads to far timers in a few steps", "[timer_wheel]") {
  constexpr std::int64_t year = 365LL * 24 * 3600 * 1000;
  for (const auto far : {std::int64_t{70'000}, std::int64_t{86'400'000}, 50 * year, 5000 * year}) {
    timer_wheel wheel{start};
    recorder x;
    wheel.schedule(x, start + far);
    int steps = 0;
    while (x.fired == 0 && steps < 20) {
      const auto at = wheel.next();
      REQUIRE(at != timer_wheel::never);
      REQUIRE(at <= start + far + step);
      wheel.advance(at);
      ++steps;
    }
    CHECK(x.fired == 1);
    CHECK(steps <= 11);
  }
}

TEST_CASE("a timer may schedule itself, destroy others and throw", "[timer_wheel]") {
  timer_wheel wheel{start};
  struct again : timer_entry {
    void on_timer() override {
      ++fired;
      victim.reset();
      wheel->schedule(*this, start + 200 * fired);
      if (fired == 2) throw std::runtime_error("twice");
    }
    timer_wheel* wheel = nullptr;
    std::unique_ptr<recorder> victim = std::make_unique<recorder>();
    int fired = 0;
  };
  again x;
  x.wheel = &wheel;
  recorder last;
  wheel.schedule(x, start + 100);
  wheel.schedule(*x.victim, start + 100);
  wheel.schedule(last, start + 10'000);
  CHECK(wheel.advance(start + 120) == 1);
  CHECK_THROWS(wheel.advance(start + 240));
  CHECK(wheel.advance(start + 20'000) > 2);
  CHECK(last.fired == 1);
}

TEST_CASE("at most the limit fires at once and the rest is due", "[timer_wheel]") {
  timer_wheel wheel{start};
  std::vector<recorder> many(100);
  for (auto& x : many) wheel.schedule(x, start + 50);
  CHECK(wheel.advance(start + 100, 30) == 30);
  CHECK(wheel.next() <= start + 100);
  CHECK(wheel.advance(start + 100, 100) == 70);
}

TEST_CASE("random timers agree with a sorted list", "[timer_wheel]") {
  std::mt19937_64 seed{42};
  timer_wheel wheel{start};
  std::vector<recorder> timers(2000);
  std::vector<std::int64_t> due(timers.size());
  auto now = start;
  const auto arm = [&](std::size_t i) {
    due[i] = now + 1 + static_cast<std::int64_t>(seed() % (1ULL << (4 + seed() % 30)));
    timers[i].fired = 0;
    wheel.schedule(timers[i], due[i]);
  };
  for (std::size_t i = 0; i < timers.size(); ++i) arm(i);
  for (int round = 0; round < 500; ++round) {
    now += static_cast<std::int64_t>(seed() % (1ULL << (2 + seed() % 22)));
    wheel.advance(now);
    bool ok = true;
    for (std::size_t i = 0; i < timers.size(); ++i) {
      ok = ok && (timers[i].fired == 0 || due[i] <= now);
      ok = ok && (timers[i].fired == 1 || due[i] > now - step);
      ok = ok && timers[i].scheduled() == (timers[i].fired == 0);
    }
    REQUIRE(ok);
    for (std::size_t i = 0; i < timers.size(); ++i)
      if (timers[i].fired != 0) arm(i);
  }
}
