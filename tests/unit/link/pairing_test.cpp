// Two pairings over a connection that delays and breaks, driven by a seed.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "cluster/link/batch.hpp"
#include "cluster/link/pairing.hpp"
#include "cluster/link/send_budget.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace troupe::cluster;
using random_source = std::mt19937_64;

link_limits small_limits() {
  link_limits x;
  x.window = 4'000;
  x.hard_limit = 16'000;
  x.batch = 700;
  return x;
}

/// One side: what a link does with a pairing.
class side final : public pairing_events {
 public:
  explicit side(const link_limits& limits) : limits_(limits), budget(limits) {}

  void frame_arrived(channel, std::string_view bytes) override { arrived.emplace_back(bytes); }
  void question_arrived(std::uint64_t number) override { questions.push_back(number); }
  void frames_settled(std::size_t cost) override { budget.settle(cost); }

  void begin(std::uint64_t tag, std::int64_t now) {
    // What the last pairing held is let go.
    life.reset();
    budget.clear();
    arrived.clear();
    questions.clear();
    sent.clear();
    life.emplace(limits_, tag, now);
    life->attach(tag, 0, *this, now);
  }
  /// Sends a frame if there is room.
  void send(random_source& chance) {
    frame f;
    f.bytes = std::to_string(next++) + std::string(chance() % 300, '.');
    f.droppable = chance() % 4 == 0;
    if (chance() % 3 == 0) {
      ++holds;
      f.hold = std::shared_ptr<const void>(this, [this](const void*) { --holds; });
    }
    const auto cost = frame_cost(f.bytes.size());
    const auto full = budget.used() + cost > limits_.window;
    switch (budget.ask(cost, f.droppable)) {
      case send_budget::verdict::taken:
        REQUIRE((!f.droppable || !full));
        sent.push_back(f.bytes);
        life->queue(std::move(f));
        break;
      case send_budget::verdict::dropped:
        REQUIRE((f.droppable && full));
        ++dropped;
        break;
      case send_budget::verdict::overrun:
        REQUIRE_FALSE(f.droppable);
        overrun = true;
        break;
    }
    REQUIRE(budget.used() <= limits_.hard_limit);
  }

  link_limits limits_;
  send_budget budget;
  std::optional<pairing> life;
  std::vector<std::string> sent;
  std::vector<std::string> arrived;
  std::vector<std::uint64_t> questions;
  std::uint64_t next = 0;
  int holds = 0;
  int dropped = 0;
  bool overrun = false;
  bool answers = true;
};

/// The connection: ordered, with delay; a break loses what is under way.
struct wire {
  struct parcel {
    std::int64_t at;
    std::string bytes;
  };
  std::deque<parcel> to[2];

  void put(int receiver, std::string bytes, std::int64_t now, random_source& chance) {
    const auto at = now + 1 + static_cast<std::int64_t>(chance() % 20);
    to[receiver].push_back(
        {to[receiver].empty() ? at : std::max(at, to[receiver].back().at), std::move(bytes)});
  }
};

struct world {
  explicit world(std::uint64_t seed, const link_limits& limits = small_limits())
      : chance(seed), sides{side(limits), side(limits)} {
    for (auto& each : sides) each.begin(++sessions, now);
    // Both name the pairing alike.
    sides[0].begin(sessions, now);
    sides[1].begin(sessions, now);
  }

  void flush(int who) {
    std::string bytes;
    auto& life = *sides[who].life;
    while (life.next_batch(bytes, now)) {
      REQUIRE(life.bytes_in_flight() <= sides[who].limits_.window + frame_cost(400));
      if (connected) net.put(1 - who, bytes, now, chance);
      ++batches;
    }
  }
  void deliver(int who) {
    auto& queue = net.to[who];
    while (!queue.empty() && queue.front().at <= now) {
      const auto bytes = std::move(queue.front().bytes);
      queue.pop_front();
      REQUIRE(sides[who].life->take(bytes, sides[who], now) == "");
    }
    if (!sides[who].answers) return;
    for (const auto q : std::exchange(sides[who].questions, {})) sides[who].life->answer(q);
  }
  void cut() {
    connected = false;
    net.to[0].clear();
    net.to[1].clear();
  }
  void notice(int who) {
    if (!connected) sides[who].life->detach(now);
  }
  /// As the handshake does.
  bool resume() {
    const auto session = ++sessions;
    const auto at0 = sides[0].life->received();
    const auto at1 = sides[1].life->received();
    connected = true;
    net.to[0].clear();
    net.to[1].clear();
    return sides[0].life->may_attach(at1) && sides[1].life->may_attach(at0) &&
           sides[0].life->attach(session, at1, sides[0], now) &&
           sides[1].life->attach(session, at0, sides[1], now);
  }
  void step() {
    ++now;
    for (int who : {0, 1}) deliver(who);
    for (int who : {0, 1}) {
      if (now % 100 == 0) end[who] = sides[who].life->tick(now);
      flush(who);
    }
  }
  /// What arrived is the beginning of what was sent.
  void check_order() {
    for (int who : {0, 1}) {
      const auto& from = sides[1 - who].sent;
      const auto& got = sides[who].arrived;
      REQUIRE(got.size() <= from.size());
      REQUIRE(std::equal(got.begin(), got.end(), from.begin()));
    }
  }

  random_source chance;
  side sides[2];
  wire net;
  std::int64_t now = 1'000;
  std::uint64_t sessions = 0;
  bool connected = true;
  std::uint64_t batches = 0;
  std::optional<pairing_end> end[2];
};

}  // namespace

TEST_CASE("every frame arrives once and in order over a connection that breaks") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    world w(seed);
    int breaks = 0;
    for (int i = 0; i < 6'000; ++i) {
      for (int who : {0, 1})
        if (!w.sides[who].overrun && w.chance() % 3 == 0) w.sides[who].send(w.chance);
      w.step();
      if (w.connected && w.chance() % 400 == 0) {
        w.cut();
        ++breaks;
      }
      if (!w.connected) {
        // The sides notice at different times, and go on sending into nothing.
        if (w.chance() % 30 == 0) w.notice(static_cast<int>(w.chance() % 2));
        if (w.chance() % 60 == 0) {
          w.notice(0);
          w.notice(1);
          REQUIRE(w.resume());
        }
      }
      REQUIRE_FALSE(w.end[0]);
      REQUIRE_FALSE(w.end[1]);
      if (i % 500 == 0) w.check_order();
    }
    if (!w.connected) {
      w.notice(0);
      w.notice(1);
      REQUIRE(w.resume());
    }
    for (int i = 0; i < 4'000; ++i) w.step();
    w.check_order();
    for (int who : {0, 1}) {
      CHECK(w.sides[who].arrived.size() == w.sides[1 - who].sent.size());
      CHECK(w.sides[who].budget.used() == 0);
      CHECK(w.sides[who].holds == 0);
      CHECK(w.sides[who].life->frames_waiting() == 0);
    }
    CHECK(breaks > 0);
  }
}

TEST_CASE("a pairing that ends lets go of every hold") {
  world w(3);
  w.cut();
  for (int i = 0; i < 50; ++i) w.sides[0].send(w.chance);
  REQUIRE(w.sides[0].holds > 0);
  w.sides[0].life.reset();
  CHECK(w.sides[0].holds == 0);
}

TEST_CASE("droppable frames are dropped only when the window is full, others overrun it") {
  world w(5);
  w.cut();  // nothing is acknowledged any more
  for (int i = 0; i < 2'000 && !w.sides[0].overrun; ++i) w.sides[0].send(w.chance);
  CHECK(w.sides[0].dropped > 0);
  CHECK(w.sides[0].overrun);
  CHECK(w.sides[0].budget.used() <= small_limits().hard_limit);
}

TEST_CASE("a large frame is taken by a window that is open") {
  const auto limits = small_limits();
  send_budget budget(limits);
  CHECK(budget.ask(10 * limits.hard_limit, false) == send_budget::verdict::taken);
  CHECK(budget.ask(10, false) == send_budget::verdict::overrun);
  CHECK(budget.ask(10, true) == send_budget::verdict::dropped);
}

TEST_CASE("a break that lasts too long ends the pairing") {
  world w(1);
  w.cut();
  w.notice(0);
  const auto broken = w.now;
  while (!w.end[0] && w.now < broken + 60'000) w.step();
  REQUIRE(w.end[0] == pairing_end::broken_too_long);
  CHECK(w.now - broken <= w.sides[0].limits_.resume_ms + 200);
  CHECK(w.now - broken > w.sides[0].limits_.resume_ms);
}

TEST_CASE("a peer that stands still is found within its time") {
  world w(1);
  for (int i = 0; i < 2'000; ++i) w.step();
  w.cut();  // nobody notices: the kernel still answers
  const auto since = w.now;
  while (!w.end[0] && w.now < since + 60'000) w.step();
  REQUIRE(w.end[0] == pairing_end::silent);
  CHECK(w.now - since <= w.sides[0].limits_.suspect_ms + w.sides[0].limits_.question_ms + 300);
}

TEST_CASE("a peer whose actors are hung is found though its link answers") {
  world w(1);
  for (int i = 0; i < 2'000; ++i) w.step();
  w.sides[1].answers = false;
  const auto since = w.now;
  for (int i = 0; !w.end[0] && w.now < since + 60'000; ++i) {
    if (i % 50 == 0 && !w.sides[1].overrun) w.sides[1].send(w.chance);  // it still talks
    w.step();
  }
  REQUIRE(w.end[0] == pairing_end::hung);
  CHECK(w.now - since <= w.sides[0].limits_.suspect_ms + w.sides[0].limits_.question_ms + 400);
}

TEST_CASE("a process that itself stood still does not blame its peers") {
  world w(1);
  for (int i = 0; i < 2'000; ++i) w.step();
  // The question is under way; then this process sleeps for a minute.
  w.now += 60'000;
  for (auto& each : w.net.to)
    for (auto& parcel : each) parcel.at = w.now + 30;
  for (int who : {0, 1}) CHECK_FALSE(w.sides[who].life->tick(w.now));
  for (int i = 0; i < 10'000; ++i) {
    w.step();
    REQUIRE_FALSE(w.end[0]);
    REQUIRE_FALSE(w.end[1]);
  }
  CHECK(w.sides[0].life->round_trip_ms() >= 0);
}

TEST_CASE("a slow connection full of frames is no hung peer") {
  auto limits = small_limits();
  limits.window = 1'000'000;
  limits.hard_limit = 4'000'000;
  world w(1, limits);
  for (int i = 0; i < 4'000; ++i) w.sides[0].send(w.chance);
  std::string bytes;
  while (w.sides[0].life->next_batch(bytes, w.now)) w.net.put(1, bytes, w.now, w.chance);
  // One batch in 30 ms: far longer than suspect_ms for all of them.
  std::int64_t at = w.now;
  for (auto& each : w.net.to[1]) each.at = at += 30;
  REQUIRE(at - w.now > 2 * limits.suspect_ms);
  while (w.now < at + 1'000) {
    w.step();
    REQUIRE_FALSE(w.end[0]);
  }
  CHECK(w.sides[1].arrived == w.sides[0].sent);
}

TEST_CASE("an acknowledgement does not wait when somebody does") {
  world w(1);
  frame held{channel::raft, "x", std::make_shared<int>(1), false};
  w.sides[0].life->queue(std::move(held));
  std::string bytes;
  REQUIRE(w.sides[0].life->next_batch(bytes, w.now));
  REQUIRE(w.sides[1].life->take(bytes, w.sides[1], w.now) == "");
  CHECK(w.sides[1].life->next_batch(bytes, w.now));
  // Without a hold it may have company.
  w.sides[0].life->queue({channel::raft, "y", nullptr, false});
  REQUIRE(w.sides[0].life->next_batch(bytes, w.now));
  REQUIRE(w.sides[1].life->take(bytes, w.sides[1], w.now) == "");
  CHECK_FALSE(w.sides[1].life->next_batch(bytes, w.now));
  REQUIRE(w.sides[1].life->ack_due());
  CHECK(w.sides[1].life->next_batch(bytes, *w.sides[1].life->ack_due()));
}

TEST_CASE("malformed batches end the connection, never the process") {
  random_source chance(11);
  for (int round = 0; round < 20'000; ++round) {
    side one(small_limits());
    one.begin(7, 0);
    for (int i = 0; i < 5; ++i) one.send(chance);
    std::string mine;
    one.life->next_batch(mine, 0);
    std::string bytes;
    write_batch_head(bytes, {0, 7, chance() % 8, chance() % 2});
    for (int i = 0; i < 3; ++i)
      write_record(bytes, static_cast<std::uint8_t>(chance() % 2 ? chance() % 4 : chance()),
                   std::string(chance() % 12, 'x'));
    for (int i = 0; i < 2; ++i)
      if (chance() % 2 == 0) bytes[chance() % bytes.size()] = static_cast<char>(chance());
    if (chance() % 4 == 0) bytes.resize(chance() % bytes.size());
    const auto error = one.life->take(bytes, one, 1);
    CHECK((error.empty() || error.size() > 10));
    CHECK(one.budget.used() <= 16'000);
  }
}

TEST_CASE("an impossible resume point is refused") {
  world w(1);
  for (int i = 0; i < 100; ++i) w.step();
  w.cut();
  w.notice(0);
  CHECK_FALSE(w.sides[0].life->may_attach(1'000'000));
  CHECK_FALSE(w.sides[0].life->attach(99, 1'000'000, w.sides[0], w.now));
  CHECK_FALSE(w.sides[0].life->attached());
}
