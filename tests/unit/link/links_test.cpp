// Real actor systems in one process, over loopback.

#include <set>

#include "tests/support/catch.hpp"
#include "tests/unit/link/link_node.hpp"
#include "tests/unit/link/tcp_relay.hpp"
#include "tests/unit/net/certificates.hpp"

namespace {

using troupe::link::links;
using troupe::link::prepare;
using troupe::link::testing::eventually;
using troupe::link::testing::introduce;
using troupe::link::testing::link_node;
using troupe::link::testing::tcp_relay;
using namespace std::chrono_literals;

using strings = std::vector<std::string>;

strings numbers(int count) {
  strings all;
  for (int i = 0; i < count; ++i) all.push_back("frame " + std::to_string(i));
  return all;
}

}  // namespace

TEST_CASE("frames go both ways in order, holds are let go, a stop is a goodbye") {
  link_node a(1);
  link_node b(2);
  REQUIRE(a.prepared.empty());
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  CHECK_FALSE(a.send(b, "nobody there yet"));
  introduce(a, b);
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  auto hold = std::make_shared<int>(1);
  const auto sent = numbers(5'000);
  std::thread other([&] {
    for (const auto& each : sent) CHECK(b.send(a, each));
  });
  for (const auto& each : sent) CHECK(a.send(b, each, hold));
  other.join();
  REQUIRE(eventually([&] { return a.count == sent.size() && b.count == sent.size(); }));
  CHECK(a.frames() == sent);
  CHECK(b.frames() == sent);
  CHECK(eventually([&] { return hold.use_count() == 1; }));
  CHECK(eventually([&] { return a.figures_of(b).window_bytes == 0; }));
  CHECK(eventually([&] { return a.figures_of(b).round_trip_ms >= 0; }));
  CHECK(a.figures_of(b).frames_sent == sent.size());
  CHECK(b.figures_of(a).name == "node1");
  b.out->stop();
  CHECK(b.downs == 1);
  REQUIRE(eventually([&] { return a.downs == 1; }));
  CHECK(a.figures_of(b).last_error == "It said goodbye: The node stops");
  CHECK_FALSE(a.send(b, "gone"));
}

TEST_CASE("many threads send to one peer, each in its order") {
  link_node a(1);
  link_node b(2);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  introduce(a, b);
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  std::vector<std::thread> senders;
  for (char name = 'a'; name < 'e'; ++name)
    senders.emplace_back([&a, &b, name] {
      for (int i = 0; i < 2'000; ++i) a.send(b, name + std::to_string(i));
    });
  for (auto& each : senders) each.join();
  REQUIRE(eventually([&] { return b.count == 8'000; }));
  int next[4] = {};
  for (const auto& each : b.frames()) CHECK(each.substr(1) == std::to_string(next[each[0] - 'a']++));
}

TEST_CASE("channels that a node does not know are let go, and spared to the oldest release") {
  using troupe::cluster::channel;
  link_node::options old_release;
  old_release.versions = {1, 1};
  link_node a(1);
  link_node b(2);
  link_node old(3, old_release);
  for (auto* each : {&a, &b, &old}) REQUIRE(each->out->start() == "");
  a.out->set_peers({b.address(), old.address()});
  b.out->set_peers({a.address()});
  old.out->set_peers({a.address()});
  REQUIRE(eventually([&] { return a.ups == 2 && b.ups == 1 && old.ups == 1; }));
  const auto of_tomorrow = channel{9};
  auto hold = std::make_shared<int>(1);
  CHECK(a.out->send(b.node(), {of_tomorrow, "nobody reads this", hold, false}));
  CHECK(a.out->send(b.node(), {channel::admin, "first", nullptr, false}));
  CHECK(a.send(b, "second"));
  CHECK_FALSE(a.out->send(old.node(), {of_tomorrow, "", nullptr, false}));
  CHECK_FALSE(a.out->send(old.node(), {channel::admin, "", nullptr, false}));
  CHECK(a.send(old, "as ever"));
  REQUIRE(eventually([&] { return b.count == 2 && old.count == 1; }));
  CHECK(b.frames() == strings{"first", "second"});
  CHECK(old.frames() == strings{"as ever"});
  CHECK(eventually([&] { return hold.use_count() == 1; }));
  CHECK(a.figures_of(old).frames_sent == 1);
  CHECK(a.downs + b.downs + old.downs == 0);
}

TEST_CASE("a node with another secret or cluster name has no link") {
  link_node a(1);
  REQUIRE(a.out->start() == "");
  link_node::options wrong;
  std::string why;
  SECTION("secret") {
    wrong.secret = "guessed";
    why = "does not know the secret";
  }
  SECTION("cluster") {
    wrong.cluster = "red";
    why = "belongs to the cluster";
  }
  link_node b(2, wrong);
  REQUIRE(b.out->start() == "");
  introduce(a, b);
  REQUIRE(eventually(
      [&] { return a.figures_of(b).last_error.find(why) != std::string::npos; }));
  CHECK(a.ups == 0);
  CHECK(b.ups == 0);
}

TEST_CASE("a node without secret, name or port does not start") {
  link_node::options x;
  x.secret = "";
  link_node a(1, x);
  CHECK(a.out->start() == "A cluster needs a secret");
  link_node b(2);
  REQUIRE(b.out->start() == "");
  link_node::options taken;
  taken.port = b.out->port();
  link_node c(3, taken);
  CHECK(c.out->start().find("cannot be opened") != std::string::npos);
}

TEST_CASE("a seed is found, whoever has the lower id") {
  const auto [seeker_id, seed_id] = GENERATE(std::pair{1, 2}, std::pair{2, 1});
  link_node seed(static_cast<std::uint64_t>(seed_id));
  link_node seeker(static_cast<std::uint64_t>(seeker_id));
  REQUIRE(seeker.out->start() == "");
  REQUIRE(seed.out->start() == "");
  seeker.out->find("localhost", seed.out->port());
  seeker.out->find("127.0.0.1", seeker.out->port());  // itself: of no use, no harm
  REQUIRE(eventually([&] { return seeker.ups == 1 && seed.ups == 1; }));
  CHECK(seeker.found == static_cast<std::uint64_t>(seed_id));
  CHECK(seed.found == 0);
  CHECK(seeker.send(seed, "may I join?"));
  REQUIRE(eventually([&] { return seed.count == 1; }));
  CHECK(seed.send(seeker, "you may"));
  REQUIRE(eventually([&] { return seeker.count == 1; }));
}

TEST_CASE("two nodes that look for each other at once find each other") {
  link_node a(1);
  link_node b(2);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  a.out->find("127.0.0.1", b.out->port());
  b.out->find("127.0.0.1", a.out->port());
  REQUIRE(eventually([&] { return a.figures_of(b).pairing != 0 && b.figures_of(a).pairing != 0; }));
  CHECK(a.send(b, "hello"));
  REQUIRE(eventually([&] { return b.count == 1; }));
}

TEST_CASE("a node that is not wanted is told so") {
  link_node a(1);
  link_node b(2);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  b.unwanted = 1;
  a.out->set_peers({b.address()});
  REQUIRE(eventually([&] {
    return a.figures_of(b).last_error.find("removed from the cluster") != std::string::npos;
  }));
  CHECK(a.ups == 0);
}

TEST_CASE("a peer that is no longer named is left") {
  link_node a(1);
  link_node b(2);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  introduce(a, b);
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  b.unwanted = 1;
  b.out->set_peers({});
  REQUIRE(eventually([&] { return a.downs == 1 && b.downs == 1; }));
}

TEST_CASE("a short break of the connection is none of the pairing") {
  link_node a(1);
  link_node b(2);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  tcp_relay network(b.out->port());
  introduce(a, b, network.port());
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  const auto sent = numbers(4'000);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(a.send(b, sent[i]));
    CHECK(b.send(a, sent[i]));
    if (i % 1'000 == 300) {
      network.cut();
      std::this_thread::sleep_for(30ms);
      network.mend();
    }
  }
  REQUIRE(eventually([&] { return a.count == sent.size() && b.count == sent.size(); }));
  CHECK(a.frames() == sent);
  CHECK(b.frames() == sent);
  CHECK(a.downs == 0);
  CHECK(b.downs == 0);
  CHECK(a.figures_of(b).breaks >= 1);
  CHECK(a.figures_of(b).resumed >= 1);
}

TEST_CASE("a long break ends the pairing on both sides, and a new one follows") {
  link_node::options x;
  x.limits.resume_ms = 300;
  link_node a(1, x);
  link_node b(2, x);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  tcp_relay network(b.out->port());
  introduce(a, b, network.port());
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  network.cut();
  auto hold = std::make_shared<int>(1);
  CHECK(eventually([&] { return a.figures_of(b).breaks == 1; }));
  CHECK(a.send(b, "lost", hold));
  REQUIRE(eventually([&] { return a.downs == 1 && b.downs == 1; }));
  CHECK(hold.use_count() == 1);
  CHECK_FALSE(a.send(b, "refused"));
  network.mend();
  REQUIRE(eventually([&] { return a.ups == 2 && b.ups == 2; }));
  CHECK(a.send(b, "new"));
  REQUIRE(eventually([&] { return b.count == 1; }));
  CHECK(b.frames() == strings{"new"});
  // Alike at both ends, and none twice.
  const auto pairings = a.pairings();
  CHECK(pairings == b.pairings());
  CHECK(std::set(pairings.begin(), pairings.end()).size() == pairings.size());
  CHECK(a.history() == strings{"up 2", "down 2", "up 2"});
}

TEST_CASE("a peer whose actors do not answer is hung, and comes back") {
  link_node::options x;
  x.limits.question_ms = 50;
  x.limits.suspect_ms = 400;
  link_node a(1, x);
  link_node b(2, x);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  introduce(a, b);
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  const auto since = std::chrono::steady_clock::now();
  b.hung = true;
  REQUIRE(eventually([&] { return a.downs == 1; }));
  CHECK(std::chrono::steady_clock::now() - since < 1'500ms);
  REQUIRE(eventually([&] { return b.downs == 1; }));
  CHECK(a.figures_of(b).last_error.find("hung") != std::string::npos);
  // While it is hung nobody believes it.
  std::this_thread::sleep_for(300ms);
  CHECK(a.ups == 1);
  b.hung = false;
  REQUIRE(eventually([&] { return a.ups == 2 && b.ups == 2; }));
}

TEST_CASE("a network that swallows everything is found") {
  link_node::options x;
  x.limits.question_ms = 50;
  x.limits.suspect_ms = 500;
  link_node a(1, x);
  link_node b(2, x);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  tcp_relay network(b.out->port());
  introduce(a, b, network.port());
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  network.freeze();
  REQUIRE(eventually([&] { return a.downs == 1 && b.downs == 1; }));
  network.mend();
  REQUIRE(eventually([&] { return a.ups == 2 && b.ups == 2; }));
  CHECK(a.send(b, "again"));
  REQUIRE(eventually([&] { return b.count == 1; }));
}

TEST_CASE("a restarted process is a new pairing at once") {
  link_node a(1);
  auto b = std::make_unique<link_node>(2);
  REQUIRE(a.out->start() == "");
  REQUIRE(b->out->start() == "");
  const auto port = b->out->port();
  introduce(a, *b);
  REQUIRE(eventually([&] { return a.ups == 1 && b->ups == 1; }));
  b.reset();
  link_node::options again;
  again.port = port;
  b = std::make_unique<link_node>(2, again);
  REQUIRE(eventually([&] { return b->out->start().empty(); }));
  b->out->set_peers({a.address()});
  REQUIRE(eventually([&] { return a.ups == 2 && b->ups == 1; }));
  CHECK(a.history() == strings{"up 2", "down 2", "up 2"});
}

TEST_CASE("a peer that cannot keep up is given up, what waits for it is bounded") {
  link_node::options x;
  x.limits.window = 100'000;
  x.limits.hard_limit = 1'000'000;
  x.limits.suspect_ms = 60'000;
  link_node a(1, x);
  link_node b(2, x);
  REQUIRE(a.out->start() == "");
  REQUIRE(b.out->start() == "");
  introduce(a, b);
  REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
  std::atomic<bool> go{false};
  b.loop(0).post([&] { eventually([&] { return go.load(); }); });
  auto hold = std::make_shared<int>(1);
  const std::string bytes(10'000, '.');
  int dropped = 0;
  while (a.figures_of(b).window_bytes < 90'000) REQUIRE(a.send(b, bytes, hold));
  for (int i = 0; i < 100; ++i)
    if (!a.send(b, bytes, nullptr, true)) ++dropped;
  CHECK(dropped >= 99);
  CHECK(a.figures_of(b).frames_dropped == static_cast<std::uint64_t>(dropped));
  int taken = 0;
  while (a.send(b, bytes, hold)) REQUIRE(++taken < 200);
  CHECK(a.figures_of(b).window_peak <= 1'000'000);
  REQUIRE(eventually([&] { return a.downs == 1; }));
  CHECK(hold.use_count() == 1);
  CHECK(a.figures_of(b).last_error.find("cannot keep up") != std::string::npos);
  go = true;
  REQUIRE(eventually([&] { return b.downs == 1 && a.ups == 2 && b.ups == 2; }));
}

TEST_CASE("links over mutual TLS") {
  troupe::net::testing::certificate_authority authority;
  troupe::net::testing::certificate_authority stranger("Other CA");
  const auto one = authority.make("one");
  const auto two = authority.make("two");
  const auto alien = stranger.make("alien");
  link_node::options x;
  x.tls = {one, one, authority.file()};
  link_node a(1, x);
  REQUIRE(a.prepared == "");
  REQUIRE(a.out->start() == "");
  SECTION("of one authority") {
    x.tls = {two, two, authority.file()};
    link_node b(2, x);
    REQUIRE(b.out->start() == "");
    introduce(a, b);
    REQUIRE(eventually([&] { return a.ups == 1 && b.ups == 1; }));
    const auto sent = numbers(3'000);
    for (const auto& each : sent) {
      CHECK(a.send(b, each + std::string(1'000, '.')));
      CHECK(b.send(a, each));
    }
    REQUIRE(eventually([&] { return b.count == sent.size() && a.count == sent.size(); }));
    CHECK(a.frames() == sent);
    // New certificates, then a file that is none: refused, and nothing breaks.
    CHECK(a.out->reload_tls({two, two, authority.file()}) == "");
    CHECK(a.out->reload_tls({"/dev/null", two, authority.file()}).find("is no certificate") !=
          std::string::npos);
    b.out->stop();
    link_node::options y;
    y.tls = {one, one, authority.file()};
    link_node c(3, y);
    REQUIRE(c.out->start() == "");
    introduce(a, c);
    REQUIRE(eventually([&] { return a.ups == 2 && c.ups == 1; }));
  }
  SECTION("a stranger's certificate") {
    x.tls = {alien, alien, stranger.file()};
    link_node b(2, x);
    REQUIRE(b.out->start() == "");
    introduce(a, b);
    REQUIRE(eventually([&] { return !a.figures_of(b).last_error.empty(); }));
    CHECK(a.ups == 0);
    CHECK(b.ups == 0);
  }
  SECTION("no TLS at all") {
    link_node b(2);
    REQUIRE(b.out->start() == "");
    introduce(a, b);
    REQUIRE(eventually([&] { return !a.figures_of(b).last_error.empty(); }));
    CHECK(a.ups == 0);
  }
}

TEST_CASE("TLS with a part missing is refused before anything starts") {
  troupe::net::testing::certificate_authority authority;
  const auto good = authority.make("one");
  const auto other = authority.make("two");
  const auto refused = [](const troupe::link::tls_files& files) {
    troupe::runtime::runtime_config configuration;
    return prepare(configuration, files);
  };
  CHECK(refused({good, good, ""}).find("certificate authority") != std::string::npos);
  CHECK(refused({good, "", authority.file()}).find("needs a certificate") != std::string::npos);
  CHECK(refused({good, other, authority.file()}).find("fits the certificate") != std::string::npos);
  CHECK(refused({"/nowhere", good, authority.file()}).find("is no certificate") !=
        std::string::npos);
  const auto locked = authority.make("locked", 86'400, "password");
  CHECK(refused({locked, locked, authority.file()}).find("without password") != std::string::npos);
}
