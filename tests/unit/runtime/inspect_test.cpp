#include "actors/runtime/inspect/actor_visit.hpp"
#include "actors/runtime/inspect/side_lane.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

using namespace troupe::runtime;
using namespace troupe::runtime::test;

namespace {

const lean_actor& lean(const caf::actor& x) {
  return *static_cast<const lean_actor*>(caf::actor_cast<caf::abstract_actor*>(x));
}

void spin(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

TEST_CASE("a walk meets once whoever is there all the while", "[inspect]") {
  manual_system t{1};
  auto& table = t.loops().table(0);
  const auto make = [&] {
    return spawn_lean<scripted>(
        t.sys, &t.loops().loop(0),
        [](scripted& self, caf::mailbox_element&) { self.quit(caf::exit_reason::normal); });
  };
  std::vector<caf::actor> stay;
  std::vector<caf::actor> go;
  for (int i = 0; i < 100; ++i) {
    stay.push_back(make());
    go.push_back(make());
  }
  std::map<std::uint64_t, int> met;
  {
    actor_table::walk walk(table);
    actor_table::walk other(table);  // is no actor
    std::vector<caf::actor> page;
    bool more = true;
    while (more) {
      page.clear();
      more = walk.next(7, page);
      for (const auto& each : page) ++met[each.id()];
      if (!go.empty()) {
        caf::anon_send(go.back(), caf::ok_atom_v);
        go.pop_back();
        t.run();
      }
      if (met.size() < 50) stay.push_back(make());
    }
    std::vector<caf::actor> nothing;
    CHECK_FALSE(walk.next(7, nothing));
    CHECK(nothing.empty());
    CHECK(table.actors().size() == table.size());
  }
  for (const auto& each : stay) CHECK(met[each.id()] == 1);
  CHECK(std::all_of(met.begin(), met.end(), [](const auto& x) { return x.second == 1; }));
  go.clear();
  CHECK(table.rows(1000).size() == stay.size());
}

TEST_CASE("a visit finds every actor on its home loop while actors move", "[inspect]") {
  constexpr unsigned loops = 3;
  threaded_system t{loops};
  std::vector<caf::actor> all;
  for (unsigned i = 0; i < 600; ++i) {
    auto* home = i % 4 == 3 ? nullptr : &t.loops().loop(i % loops);
    all.push_back(spawn_lean<scripted>(t.sys, home, [&](scripted& self, caf::mailbox_element& m) {
      if (const auto* x = payload<numbered>(m)) self.move_home(t.loops().loop(x->sender));
    }));
  }
  std::atomic<bool> stop{false};
  std::thread mover([&] {
    for (unsigned n = 0; !stop; ++n) {
      const auto i = n * 7 % all.size();
      if (i % 4 != 3) caf::anon_send(all[i], numbered{n % loops, 0});
    }
  });
  side_lane lane(t.loops());
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<std::uint64_t>> seen(loops);
    std::atomic<bool> at_home{true};
    countdown done{1};
    std::atomic<bool> complete{false};
    visit_actors(
        lane,
        [&](const lean_actor& actor) {
          const auto* here = run_loop::current();
          if (actor.home() != nullptr && actor.home() != here) at_home = false;
          seen[here->index()].push_back(actor.id());
        },
        [&](bool whole) {
          complete = whole;
          done.hit();
        });
    REQUIRE(done.wait());
    CHECK(at_home);
    std::multiset<std::uint64_t> ids;
    for (const auto& part : seen) ids.insert(part.begin(), part.end());
    if (complete) {
      CHECK(ids.size() == all.size());
    }
    CHECK(std::set<std::uint64_t>(ids.begin(), ids.end()).size() == ids.size());
  }
  stop = true;
  mover.join();
}

TEST_CASE("a visit lets the loop go on with its work", "[inspect]") {
  threaded_system t{1};
  std::vector<caf::actor> all;
  for (int i = 0; i < 400; ++i)
    all.push_back(
        spawn_lean<scripted>(t.sys, &t.loops().loop(0), [](scripted&, caf::mailbox_element&) {}));
  countdown done{1};
  std::atomic<int> turns{0};
  std::function<void()> beat = [&] {
    ++turns;
    t.loops().loop(0).post(beat);
  };
  t.loops().loop(0).post(beat);
  int before = 0;
  int after = 0;
  // Each look takes 50 us: 20 ms in all.
  side_lane lane(t.loops());
  visit_actors(
      lane,
      [&](const lean_actor&) {
        if (before == 0) before = turns;
        spin(std::chrono::microseconds(50));
        after = turns;
      },
      [&](bool) { done.hit(); });
  REQUIRE(done.wait());
  CHECK(after - before >= 15);  // a slice is eight looks long here
  countdown ended{1};
  t.loops().loop(0).post([&] { beat = [&] { ended.hit(); }; });
  CHECK(ended.wait());
}

TEST_CASE("of many visits one has a piece of a turn", "[inspect]") {
  manual_system t{2};
  side_lane lane(t.loops());
  std::vector<caf::actor> all;
  for (unsigned i = 0; i < 100; ++i)
    all.push_back(spawn_lean<scripted>(t.sys, &t.loops().loop(i % 2),
                                       [](scripted&, caf::mailbox_element&) {}));
  int pieces = 0;
  int ended = 0;
  int looks = 0;
  for (int visits = 0; visits < 20; ++visits) {
    visit_actors(
        lane, [&](const lean_actor&) { ++looks; }, [&](bool whole) { ended += whole ? 1 : 0; });
    for (unsigned i = 0; i < 2; ++i)
      CHECK(lane.post(t.loops().loop(i), [&] { ++pieces; }));
  }
  // A turn of each loop at most, so that other work has its turns between them.
  for (int turns = 1; turns < 20; ++turns) {
    t.loops().run_until_idle(t.seed, 1);
    CHECK(pieces <= turns);
  }
  CHECK(ended < 20);
  t.run();
  CHECK(pieces == 40);
  CHECK(ended == 20);
  CHECK(looks == 2000);
}

TEST_CASE("what waits in a side lane is let go of at the end, and said to be no whole",
          "[inspect]") {
  const auto kept = std::make_shared<int>(1);
  std::optional<side_lane> lane;
  int begun = 0;
  int whole = 0;
  int not_whole = 0;
  std::function<void()> again;
  {
    manual_system t{1};
    auto& loop = t.loops().loop(0);
    lane.emplace(t.loops());
    again = [&, kept] {
      ++begun;
      visit_actors(
          *lane, [kept](const lean_actor&) {}, [&](bool all) { ++(all ? whole : not_whole); });
      lane->post(loop, again);
    };
    again();
    t.loops().run_until_idle(t.seed, 20);
    CHECK(whole > 0);
    CHECK(not_whole == 0);
  }
  again = nullptr;
  CHECK(kept.use_count() == 1);
  CHECK(not_whole == 1);
  CHECK(whole + not_whole == begun);
}

TEST_CASE("time is charged to the actor that takes it, also if one runs inside another",
          "[inspect]") {
  threaded_system t{1};
  auto& loop = t.loops().loop(0);
  countdown done{20};
  auto inner = spawn_lean<scripted>(t.sys, &loop, [&](scripted&, caf::mailbox_element&) {
    spin(std::chrono::milliseconds(3));
    done.hit();
  });
  auto outer = spawn_lean<scripted>(t.sys, &loop, [&](scripted& self, caf::mailbox_element&) {
    spin(std::chrono::milliseconds(1));
    auto& receiver = const_cast<lean_actor&>(lean(inner));
    caf::atom_value word = caf::ok_atom::value;
    caf::mailbox_element_view<caf::atom_value> passing(nullptr, caf::make_message_id(), {}, word);
    REQUIRE(receiver.claim(self.loop()));
    self.loop().run_claimed(receiver, passing);
    spin(std::chrono::milliseconds(1));
  });
  for (int i = 0; i < 20; ++i) caf::anon_send(outer, caf::ok_atom_v);
  REQUIRE(done.wait());
  REQUIRE(eventually([&] { return lean(outer).row().messages_handled == 20; }));
  const auto of_outer = lean(outer).row().busy_ns / 1'000'000;
  const auto of_inner = lean(inner).row().busy_ns / 1'000'000;
  // Others use the machine: never less than was spun, and the inner one's time is not in both.
  CHECK(of_outer >= 39);
  CHECK(of_inner >= 59);
  CHECK(of_outer + of_inner <= loop.stats().busy_ns.get() / 1'000'000 + 2);
}

TEST_CASE("the age of the oldest message is known without a clock read for each", "[inspect]") {
  manual_system t{1};
  auto& loop = t.loops().loop(0);
  auto slow = spawn_lean<scripted>(t.sys, &loop, [](scripted&, caf::mailbox_element&) {});
  CHECK(lean(slow).row().oldest_ms == 0);
  caf::anon_send(slow, caf::ok_atom_v);
  t.time.advance(500);
  CHECK(lean(slow).row().mailbox_depth == 1);
  CHECK(lean(slow).row().oldest_ms == 500);
  t.run();
  CHECK(lean(slow).row().oldest_ms == 0);
  CHECK(lean(slow).row().messages_handled == 1);

  // Behind all the time: what came later is not as old as the first.
  for (int i = 0; i < 1000; ++i) caf::anon_send(slow, caf::ok_atom_v);
  t.time.advance(100);
  CHECK(lean(slow).row().oldest_ms == 100);
  t.loops().run_until_idle(t.seed, 1);  // the first of them are done
  for (int i = 0; i < 1000; ++i) caf::anon_send(slow, caf::ok_atom_v);
  t.time.advance(100);
  const auto waiting = lean(slow).row();
  CHECK(waiting.mailbox_depth > 1900);
  CHECK(waiting.oldest_ms >= 100);  // "at least"
  CHECK(waiting.oldest_ms <= 200);
  t.run();
  CHECK(lean(slow).row().oldest_ms == 0);
}

TEST_CASE("a visit of chosen actors reaches each of them", "[inspect]") {
  threaded_system t{2};
  std::vector<caf::actor> some;
  for (unsigned i = 0; i < 300; ++i)
    some.push_back(spawn_lean<scripted>(t.sys, &t.loops().loop(i % 2),
                                        [](scripted&, caf::mailbox_element&) {}));
  std::atomic<int> met{0};
  countdown done{2};
  side_lane lane(t.loops());
  visit_these(
      lane, some, [&](const lean_actor&) { ++met; },
      [&](bool all) {
        if (all && met == 300) done.hit();
      });
  visit_these(
      lane, {}, [&](const lean_actor&) { ++met; },
      [&](bool all) {
        if (all) done.hit();
      });
  CHECK(done.wait());
}
