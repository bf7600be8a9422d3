// The simulated network keeps the rules that the links keep.

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/simulated_network.hpp"

namespace {

using namespace troupe::cluster;
using testing::simulated_network;

/// Checks what it is told; sends numbered frames.
class member final : public network_events {
 public:
  member(std::uint64_t id, simulated_network& net) : id_(id), net_(net) {}

  void begin() { out = &net_.start(node_id{id_}, *this); }
  /// What it knew is gone with the process.
  void die() {
    net_.crash(node_id{id_});
    up_.clear();
    out = nullptr;
  }
  void peer_up(node_id peer, std::uint64_t pairing) override {
    REQUIRE_FALSE(up_.contains(peer));
    REQUIRE(pairing > last_pairing_[peer]);
    last_pairing_[peer] = pairing;
    up_[peer] = pairing;
    next_in_.erase(peer);
    ++ups;
  }
  void peer_down(node_id peer, std::uint64_t pairing) override {
    REQUIRE(up_.at(peer) == pairing);
    up_.erase(peer);
    ++downs;
  }
  void received(node_id from, channel, std::string_view bytes) override {
    REQUIRE(up_.contains(from));
    const auto number = std::stoull(std::string(bytes));
    auto& next = next_in_[from];
    // In order, without gaps, from wherever the pairing began.
    if (next) REQUIRE(number == *next);
    next = number + 1;
    ++count;
  }
  bool send(std::uint64_t to, std::size_t size = 20, bool droppable = false) {
    if (out == nullptr) return false;
    auto bytes = std::to_string(next_out_[to]);
    bytes.resize(std::max(size, bytes.size()), ' ');
    ++holds;
    std::shared_ptr<const void> hold(this, [this](const void*) { --holds; });
    const bool taken =
        out->send(node_id{to}, {channel::raft, std::move(bytes), std::move(hold), droppable});
    if (taken) ++next_out_[to];
    return taken;
  }

  network* out = nullptr;
  int ups = 0;
  int downs = 0;
  int holds = 0;
  std::uint64_t count = 0;

 private:
  std::uint64_t id_;
  simulated_network& net_;
  std::map<node_id, std::uint64_t> up_;
  std::map<node_id, std::uint64_t> last_pairing_;
  std::map<node_id, std::optional<std::uint64_t>> next_in_;
  std::map<std::uint64_t, std::uint64_t> next_out_;
};

struct trio {
  explicit trio(std::uint64_t seed, simulated_network::options x = {}) : net(seed, x) {
    for (std::uint64_t i = 1; i <= 3; ++i) {
      all.push_back(std::make_unique<member>(i, net));
      all.back()->begin();
    }
    REQUIRE(net.run_until([&] { return complete(); }, 1'000));
  }
  bool complete() const {
    for (std::uint64_t a = 1; a <= 3; ++a)
      for (std::uint64_t b = 1; b <= 3; ++b)
        if (a != b && net.pairing(node_id{a}, node_id{b}) == 0) return false;
    return true;
  }
  member& operator[](std::uint64_t id) { return *all[id - 1]; }

  simulated_network net;
  std::vector<std::unique_ptr<member>> all;
};

}  // namespace

TEST_CASE("simulated nodes keep the contract under random faults") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    trio t(seed);
    std::mt19937_64 chance(seed);
    const auto any = [&] { return 1 + chance() % 3; };
    std::vector<bool> alive(4, true);
    std::vector<bool> frozen(4, false);
    for (int i = 0; i < 20'000; ++i) {
      const auto a = any();
      const auto b = 1 + (a + chance() % 2) % 3;
      if (!frozen[a]) t[a].send(b, 10 + chance() % 100, chance() % 3 == 0);
      if (chance() % 2'000 == 0) t.net.cut_way(node_id{a}, node_id{b});
      if (chance() % 3'000 == 0) t.net.isolate(node_id{a});
      if (chance() % 2'000 == 0) t.net.heal_all();
      if (chance() % 2'000 == 0 && alive[a]) {
        t[a].die();
        alive[a] = frozen[a] = false;
      }
      if (chance() % 1'000 == 0 && !alive[a]) {
        t[a].begin();
        alive[a] = true;
      }
      if (chance() % 4'000 == 0 && alive[a]) {
        t.net.freeze(node_id{a});
        frozen[a] = true;
      }
      if (chance() % 1'000 == 0 && frozen[a]) {
        t.net.thaw(node_id{a});
        frozen[a] = false;
      }
      t.net.advance(static_cast<std::int64_t>(chance() % 3));
    }
    t.net.heal_all();
    for (std::uint64_t i = 1; i <= 3; ++i) {
      if (frozen[i]) t.net.thaw(node_id{i});
      if (!alive[i]) t[i].begin();
    }
    REQUIRE(t.net.run_until([&] { return t.complete(); }, 20'000));
    t.net.advance(1'000);
    for (auto& each : t.all) CHECK(each->holds == 0);
    CHECK(t.net.figures().arrived > 1'000);
  }
}

TEST_CASE("a simulated seed is a course of events") {
  const auto course = [](std::uint64_t seed) {
    trio t(seed);
    for (int i = 0; i < 500; ++i) {
      t[1].send(2);
      t[3].send(2);
      if (i == 200) t.net.cut(node_id{1}, node_id{2});
      t.net.advance(1);
    }
    t.net.advance(7'000);
    return std::tuple(t[2].count, t.net.figures().lost, t.net.now(), t[2].downs);
  };
  CHECK(course(7) == course(7));
}

TEST_CASE("a short cut only delays, a long one ends the pairing on both sides") {
  trio t(1);
  t.net.cut(node_id{1}, node_id{2});
  CHECK(t[1].send(2));
  t.net.advance(3'000);
  CHECK(t[2].count == 0);
  t.net.heal_all();
  t.net.advance(100);
  CHECK(t[2].count == 1);
  CHECK(t[1].downs == 0);
  t.net.cut(node_id{1}, node_id{2});
  CHECK(t[1].send(2));
  t.net.advance(6'000);
  CHECK(t[1].downs == 1);
  CHECK(t[2].downs == 1);
  CHECK(t[1].holds == 0);
  CHECK_FALSE(t[1].send(2));
  CHECK(t[1].send(3));
  t.net.heal_all();
  CHECK(t.net.run_until([&] { return t.complete(); }, 1'000));
}

TEST_CASE("one way that is cut is enough") {
  trio t(1);
  t.net.cut_way(node_id{2}, node_id{1});
  CHECK(t[1].send(2));
  t.net.advance(100);
  CHECK(t[2].count == 1);     // it arrived,
  CHECK(t[1].holds == 1);     // but nobody said so
  t.net.advance(6'000);
  CHECK(t[1].downs == 1);
  CHECK(t[2].downs == 1);
  CHECK(t[1].holds == 0);
}

TEST_CASE("a crash is noticed at once, a frozen process after its time") {
  trio t(1);
  t[3].die();
  CHECK(t.net.run_until([&] { return t[1].downs == 1 && t[2].downs == 1; }, 50));
  t[3].begin();
  REQUIRE(t.net.run_until([&] { return t.complete(); }, 1'000));
  t.net.freeze(node_id{2});
  t.net.advance(4'000);
  CHECK(t[1].downs == 1);
  t.net.advance(2'000);
  CHECK(t[1].downs == 2);
  const auto before = t[2].downs;
  t.net.thaw(node_id{2});
  t.net.advance(10);
  CHECK(t[2].downs == before + 2);  // both others had given it up
  CHECK(t.net.run_until([&] { return t.complete(); }, 1'000));
}

TEST_CASE("a slow peer has a bounded window") {
  simulated_network::options x;
  x.limits.window = 10'000;
  x.limits.hard_limit = 40'000;
  trio t(1, x);
  t.net.slow(node_id{2}, 100);
  int dropped = 0;
  for (int i = 0; i < 50; ++i)
    if (!t[1].send(2, 1'000, true)) ++dropped;
  CHECK(dropped > 30);
  int taken = 0;
  while (t[1].send(2, 1'000)) ++taken;
  CHECK(taken < 40);
  t.net.advance(10);
  CHECK(t[1].downs == 1);  // it could not keep up
  CHECK(t[2].downs == 1);
  CHECK(t[1].holds == 0);
}

TEST_CASE("an orderly stop is a goodbye") {
  trio t(1);
  t.net.stop(node_id{1});
  CHECK(t[1].downs == 2);
  CHECK(t[2].downs == 1);
  CHECK(t[3].downs == 1);
}
