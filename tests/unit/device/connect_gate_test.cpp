#include "actors/device/connect_gate.hpp"

#include "actors/device/lag_probe.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"

#include <algorithm>
#include <random>

using namespace troupe::device;

namespace {

/// Listeners that take all that they may at one moment. Answers how many came in.
int take_all(connect_gate& gate, std::int64_t now, int most = 100'000) {
  int count = 0;
  while (count < most && gate.ask(now).why == deferral::none) {
    gate.enter(now, 0);
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("gate: without limits everybody comes in", "[gate]") {
  connect_gate gate(2);
  CHECK(take_all(gate, 0, 20'000) == 20'000);
  CHECK(gate.look(0).in_progress == 20'000);
  CHECK_FALSE(gate.deferred_lately(0));
}

TEST_CASE("gate: so many at a time", "[gate]") {
  connect_gate gate(2);
  gate.set({100, 0, 0});
  CHECK(take_all(gate, 0) == 100);
  const auto said = gate.ask(0);
  CHECK(said.why == deferral::in_progress);
  CHECK(said.wait_ms > 0);
  CHECK(gate.deferred_lately(0));
  for (int i = 0; i < 7; ++i) gate.leave();
  CHECK(take_all(gate, 1) == 7);
  CHECK(gate.look(1).in_progress == 100);
  CHECK(gate.look(1).in_progress_limit == 100);
  // A reload is in force at once.
  gate.set({110, 0, 0});
  CHECK(take_all(gate, 2) == 10);
  gate.set({50, 0, 0});
  CHECK(take_all(gate, 3) == 0);
}

TEST_CASE("gate: a rate, with a burst of one second", "[gate]") {
  connect_gate gate(2);
  gate.set({0, 200, 0});
  CHECK(take_all(gate, 5'000) == 200);
  const auto said = gate.ask(5'000);
  CHECK(said.why == deferral::rate);
  CHECK(said.wait_ms >= 5);
  CHECK(take_all(gate, 5'004) == 0);
  CHECK(take_all(gate, 5'005) == 1);
  CHECK(take_all(gate, 5'105) == 20);
  // A long pause earns no more than one burst.
  CHECK(take_all(gate, 3'600'000) == 200);
}

TEST_CASE("gate: over any time no more than the rate and one burst come in", "[gate]") {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    connect_gate gate(1);
    const std::uint32_t rate = 1 + random() % 5'000;
    gate.set({0, rate, 0});
    std::int64_t now = random() % 1'000'000;
    const auto begin = now;
    std::int64_t taken = 0;
    while (now < begin + 10'000) {
      taken += take_all(gate, now, static_cast<int>(random() % 3'000));
      now += 1 + random() % 60;
    }
    CHECK(taken <= rate + rate * (now - begin) / 1'000);
  }
}

TEST_CASE("gate: when a run loop is late, connected clients come first", "[gate]") {
  connect_gate gate(2);
  gate.set({0, 0, 250});
  CHECK(take_all(gate, 1'000, 10) == 10);
  gate.lag_begun(1, 1'000);
  gate.lag_ended(1, 1'251);
  const auto said = gate.ask(1'260);
  CHECK(said.why == deferral::none);  // the last one came a while ago
  gate.enter(1'260, 0);
  CHECK(gate.ask(1'261).why == deferral::lag);
  CHECK(gate.look(1'261).lag_seconds == 0.251);
  // One in 100 ms comes in all the same.
  int taken = 0;
  for (std::int64_t now = 1'261; now < 2'261; ++now) taken += take_all(gate, now);
  CHECK(taken == 10);
  gate.lag_begun(1, 2'300);
  gate.lag_ended(1, 2'303);
  CHECK(take_all(gate, 2'304, 10) == 10);
}

TEST_CASE("gate: a loop that does not come back is late already", "[gate]") {
  connect_gate gate(2);
  gate.set({0, 0, 250});
  gate.lag_begun(0, 1'000);
  CHECK(take_all(gate, 1'250, 5) == 5);
  CHECK(gate.ask(1'251).why == deferral::lag);
  CHECK(gate.lag_ms(3'000) == 2'000);
}

TEST_CASE("gate: how long they waited is a histogram", "[gate]") {
  connect_gate gate(1);
  for (const auto waited : {0, 1, 7, 50, 51, 20'000}) gate.enter(0, waited);
  const auto f = gate.look(0);
  CHECK(f.delays[0] == 2);  // up to 1 ms
  CHECK(f.delays[1] == 1);
  CHECK(f.delays[2] == 1);  // 50 ms belongs to its class
  CHECK(f.delays[3] == 1);
  CHECK(f.delays.back() == 1);
  CHECK(f.delay_seconds == Approx(20.109));
}

TEST_CASE("probe: measures while connections come, and stops", "[gate]") {
  troupe::runtime::test::manual_system actors(1, 1, [] {});
  auto& loop = actors.loops().loop(0);
  connect_gate gate(1);
  gate.set({0, 0, 250});
  auto probe = std::make_unique<lag_probe>(loop, gate);
  const auto run = [&] { actors.loops().run_until_idle(actors.seed, 1'000); };
  // What was given to a loop that stands still waits.
  loop.post([&] {
    gate.ask(loop.now());
    probe->connection_came();
  });
  actors.loops().run_until_idle(actors.seed, 1);
  actors.time.advance(400);
  CHECK(gate.lag_ms(actors.time.steady_ms()) == 400);
  run();
  CHECK(gate.lag_ms(actors.time.steady_ms()) == 400);
  // The next one finds it idle.
  actors.time.advance(150);
  run();
  CHECK(gate.lag_ms(actors.time.steady_ms()) == 0);
  // Nobody comes any more: it does not go on for ever.
  for (int i = 0; i < 40; ++i) {
    actors.time.advance(100);
    run();
  }
  CHECK_FALSE(gate.busy(actors.time.steady_ms()));
  actors.time.advance(60'000);
  run();
  CHECK(gate.lag_ms(actors.time.steady_ms()) == 0);
  probe.reset();
}
