#include "cluster/membership/forming.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/cluster/members.hpp"

#include <deque>
#include <memory>
#include <random>
#include <utility>
#include <vector>

using namespace members;

TEST_CASE("a node that expects only itself forms at once") {
  forming alone(id(5), false, 1);
  CHECK(alone.begin().form);
}

TEST_CASE("a promise goes to the lowest that stands, and is kept") {
  forming one(id(5), false, 3);
  CHECK_FALSE(one.begin().form);
  CHECK(one.round() == 1);
  auto said = one.heard(id(3), 1);
  CHECK(said.promise == id(3));
  CHECK(said.promise_round == 1);
  CHECK(said.hello);
  CHECK(one.round() == 0);
  // A lower one comes: it was promised to 3, and stays so.
  CHECK_FALSE(one.heard(id(2), 1).promise);
  CHECK(one.promised_to() == id(3));
  // 3 stands no more: now to 2.
  CHECK(one.heard(id(3), 0).promise == id(2));
  // 2 is lost: to nobody else but itself, in a new round.
  CHECK(one.lost(id(2)).hello);
  CHECK(one.round() == 2);
}

TEST_CASE("a promise of an earlier round does not count") {
  forming one(id(5), false, 2);
  one.begin();
  one.heard(id(9), 0);
  one.heard(id(3), 1);  // it stands no more
  one.lost(id(3));      // and again
  CHECK(one.round() == 2);
  CHECK_FALSE(one.promised(id(9), 1).form);
  CHECK(one.promised(id(9), 2).form);
}

TEST_CASE("a witness promises and never forms") {
  forming witness(id(1), true, 1);
  CHECK_FALSE(witness.begin().form);
  CHECK(witness.heard(id(7), 1).promise == id(7));
}

namespace {

/// Nodes with links that come and go; what is under way when one breaks is lost.
struct world {
  struct said {
    bool hello;
    std::uint64_t round;
  };
  struct link {
    bool up = false;
    std::deque<said> way[2];
  };

  world(std::size_t count, std::uint32_t expect, std::uint64_t seed) : chance(seed) {
    for (std::size_t i = 0; i < count; ++i)
      nodes.push_back(std::make_unique<forming>(id(i + 1), false, expect));
    links.resize(count * count);
    formed.resize(count);
    for (std::size_t i = 0; i < count; ++i) follow(i, nodes[i]->begin());
  }
  link& between(std::size_t a, std::size_t b) {
    return links[std::min(a, b) * nodes.size() + std::max(a, b)];
  }
  void say(std::size_t from, std::size_t to, said what) {
    auto& l = between(from, to);
    if (l.up) l.way[from < to ? 0 : 1].push_back(what);
  }
  void follow(std::size_t i, const forming::step& step) {
    if (step.hello) {
      for (std::size_t j = 0; j < nodes.size(); ++j)
        if (j != i) say(i, j, {true, nodes[i]->round()});
    }
    if (step.promise) say(i, number(*step.promise) - 1, {false, step.promise_round});
    if (step.form && !formed[i]) {
      formed[i] = true;
      ++clusters;
    }
  }
  void set(std::size_t a, std::size_t b, bool up) {
    auto& l = between(a, b);
    if (l.up == up) return;
    l.up = up;
    l.way[0].clear();
    l.way[1].clear();
    if (up) {
      say(a, b, {true, nodes[a]->round()});
      say(b, a, {true, nodes[b]->round()});
    } else {
      if (!formed[a]) follow(a, nodes[a]->lost(id(b + 1)));
      if (!formed[b]) follow(b, nodes[b]->lost(id(a + 1)));
    }
  }
  /// One message arrives; false: none was under way.
  bool deliver() {
    std::vector<std::pair<std::size_t, std::size_t>> ready;
    for (std::size_t a = 0; a < nodes.size(); ++a)
      for (std::size_t b = 0; b < nodes.size(); ++b)
        if (a != b && !between(a, b).way[a < b ? 0 : 1].empty()) ready.emplace_back(a, b);
    if (ready.empty()) return false;
    const auto [from, to] = ready[chance() % ready.size()];
    auto& way = between(from, to).way[from < to ? 0 : 1];
    const auto what = way.front();
    way.pop_front();
    if (formed[to]) return true;  // it says what cluster it has; that ends this
    if (what.hello)
      follow(to, nodes[to]->heard(id(from + 1), what.round));
    else
      follow(to, nodes[to]->promised(id(from + 1), what.round));
    return true;
  }

  std::mt19937_64 chance;
  std::vector<std::unique_ptr<forming>> nodes;
  std::vector<link> links;
  std::vector<bool> formed;
  int clusters = 0;
};

}  // namespace

TEST_CASE("whatever the links do, one cluster is formed and never two") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const std::size_t count = 2 + seed % 5;
    world all(count, static_cast<std::uint32_t>(count), seed);
    for (int turn = 0; turn < 300; ++turn) {
      const auto a = all.chance() % count;
      const auto b = all.chance() % count;
      if (a != b && all.chance() % 3 == 0)
        all.set(a, b, all.chance() % 3 != 0);
      else
        all.deliver();
    }
    for (std::size_t a = 0; a < count; ++a)
      for (std::size_t b = a + 1; b < count; ++b) all.set(a, b, true);
    while (all.deliver()) {
    }
    INFO("seed " << seed);
    REQUIRE(all.clusters == 1);
  }
}

TEST_CASE("expecting a majority of those that are started, no two clusters either") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    world all(5, 3, seed);
    for (int turn = 0; turn < 200; ++turn) {
      const auto a = all.chance() % 5;
      const auto b = all.chance() % 5;
      // Links only come: a break can set a promise free that was used.
      if (a != b && all.chance() % 3 == 0)
        all.set(a, b, true);
      else
        all.deliver();
    }
    while (all.deliver()) {
    }
    INFO("seed " << seed);
    REQUIRE(all.clusters <= 1);
  }
}
