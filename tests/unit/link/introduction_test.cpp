#include <random>

#include "cluster/link/batch.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/link/greeting.hpp"

namespace {

using namespace troupe::cluster;
using troupe::cluster::testing::greeting;
using troupe::cluster::testing::nonce;
using troupe::cluster::testing::terms_of;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("two nodes of one cluster know each other after the greeting") {
  const auto one = terms_of(1);
  const auto two = terms_of(2);
  greeting g(one, two);
  REQUIRE(g.run({77, 5},
                [](const acquaintance& who) {
                  CHECK(who.theirs.pairing == 77);
                  CHECK(who.theirs.received == 5);
                  return std::pair<std::uint64_t, bool>{9, true};
                },
                false, node_id{2}));
  CHECK(g.dialer.known().peer.node == node_id{2});
  CHECK(g.dialer.known().peer.name == "node2");
  CHECK(g.dialer.known().peer.port == 2'002);
  CHECK(g.dialer.known().peer.incarnation == 1'002);
  CHECK(g.dialer.known().theirs.received == 9);
  CHECK(g.dialer.known().resumed);
  CHECK(g.acceptor.known().peer.node == node_id{1});
  CHECK(g.dialer.known().session == g.acceptor.known().session);
  CHECK(g.dialer.known().session != 0);
  CHECK(g.dialer.known().version == 2);
}

TEST_CASE("who looks around is told apart") {
  const auto one = terms_of(1);
  const auto two = terms_of(2);
  greeting g(two, one);
  REQUIRE(g.run({}, [](const acquaintance&) { return std::pair<std::uint64_t, bool>{0, false}; },
                true));
  CHECK(g.acceptor.known().looking);
}

TEST_CASE("a stray node is refused with a sentence") {
  const auto mine = terms_of(1);
  const auto refused = [&](const link_terms& stranger, const std::string& why,
                           node_id expects = no_node) {
    greeting g(stranger, mine);
    CHECK_FALSE(
        g.run({}, [](const acquaintance&) { return std::pair<std::uint64_t, bool>{0, false}; },
              false, expects));
    CHECK(g.acceptor_refused);
    CHECK(contains(g.acceptor.sentence(), why));
    // The other side is told.
    CHECK(g.dialer_refused);
    CHECK(contains(g.dialer.sentence(), why));
  };
  SECTION("another cluster") {
    refused(terms_of(2, "a shared secret", "red"), "belongs to the cluster \"red\"");
  }
  SECTION("another secret") { refused(terms_of(2, "guessed"), "does not know the secret"); }
  SECTION("no secret") { refused(terms_of(2, ""), "does not know the secret"); }
  SECTION("itself") { refused(terms_of(1), "this node itself"); }
  SECTION("a copy of the data directory") {
    auto copy = terms_of(1);
    copy.self.incarnation = 5;
    refused(copy, "data directory is a copy");
  }
  SECTION("no id") {
    auto nobody = terms_of(2);
    nobody.self.node = no_node;
    refused(nobody, "no id");
  }
  SECTION("only newer versions") {
    auto newer = terms_of(2);
    newer.versions = {3, 4};
    refused(newer, "speaks versions 3 to 4");
  }
  SECTION("another node was meant") { refused(terms_of(2), "Another node is meant", node_id{9}); }
}

TEST_CASE("neighbouring releases speak the older one's version") {
  auto old = terms_of(1);
  old.versions = {1, 1};
  auto fresh = terms_of(2);
  fresh.versions = {1, 2};
  greeting g(old, fresh);
  REQUIRE(g.run());
  CHECK(g.dialer.known().version == 1);
  CHECK(g.acceptor.known().version == 1);
}

TEST_CASE("an acceptor that does not know the secret is refused by the dialer") {
  const auto mine = terms_of(1);
  const auto impostor_terms = terms_of(2, "guessed");
  introduction dialer(introduction::role::dialer, mine, nonce(1));
  introduction impostor(introduction::role::acceptor, impostor_terms, nonce(2));
  REQUIRE(impostor.take(dialer.open(false, no_node)) == introduction::step::send);
  REQUIRE(dialer.take(impostor.reply()) == introduction::step::vouch);
  const auto proof = dialer.vouched({});
  CHECK(impostor.take(proof) == introduction::step::refused);
  // It cannot send the dialer's own proof back.
  auto reflected = proof;
  CHECK(dialer.take(reflected) != introduction::step::done);
}

TEST_CASE("a proof is of no use in another greeting") {
  const auto one = terms_of(1);
  const auto two = terms_of(2);
  introduction dialer(introduction::role::dialer, one, nonce(1));
  introduction first(introduction::role::acceptor, two, nonce(2));
  first.take(dialer.open(false, no_node));
  dialer.take(first.reply());
  const auto proof = dialer.vouched({});
  introduction replayed(introduction::role::dialer, one, nonce(1));
  introduction second(introduction::role::acceptor, two, nonce(3));
  second.take(replayed.open(false, no_node));
  CHECK(second.take(proof) == introduction::step::wait);
}

TEST_CASE("the secret is in no message") {
  const auto one = terms_of(1, "rumpelstiltskin");
  const auto two = terms_of(2, "rumpelstiltskin");
  introduction dialer(introduction::role::dialer, one, nonce(1));
  introduction acceptor(introduction::role::acceptor, two, nonce(2));
  std::string all = dialer.open(false, no_node);
  acceptor.take(all);
  all += acceptor.reply();
  dialer.take(acceptor.reply());
  const auto proof = dialer.vouched({});
  acceptor.take(proof);
  all += proof + acceptor.vouched({0, 0}, false);
  CHECK_FALSE(contains(all, "rumpelstiltskin"));
}

TEST_CASE("changed bytes never make a greeting succeed") {
  const auto one = terms_of(1);
  const auto two = terms_of(2);
  std::mt19937_64 chance(7);
  for (int round = 0; round < 3'000; ++round) {
    introduction dialer(introduction::role::dialer, one, nonce(1));
    introduction acceptor(introduction::role::acceptor, two, nonce(2));
    const auto target = chance() % 4;
    const auto change = [&](std::string bytes, unsigned number) {
      if (number != target || bytes.empty()) return bytes;
      switch (chance() % 3) {
        case 0:
          bytes[chance() % bytes.size()] ^= static_cast<char>(1 + chance() % 255);
          break;
        case 1:
          bytes.resize(chance() % bytes.size());
          break;
        default:
          bytes.insert(chance() % bytes.size(), 1, static_cast<char>(chance()));
      }
      return bytes;
    };
    if (acceptor.take(change(dialer.open(false, no_node), 0)) != introduction::step::send) continue;
    if (dialer.take(change(acceptor.reply(), 1)) != introduction::step::vouch) continue;
    const auto proof = dialer.vouched({3, 4});
    if (acceptor.take(change(proof, 2)) != introduction::step::vouch) continue;
    if (target == 2) CHECK(acceptor.known().theirs.pairing == 3);
    const auto last = dialer.take(change(acceptor.vouched({0, 8}, true), 3));
    if (last != introduction::step::done) continue;
    // Only a change that protobuf does not see can have come through.
    CHECK(dialer.known().theirs.received == 8);
    CHECK(dialer.known().session == acceptor.known().session);
  }
}

TEST_CASE("a goodbye is for one session") {
  std::string why;
  const auto bytes = encode_goodbye(5, "The node stops");
  CHECK_FALSE(decode_goodbye(bytes, 6, why));
  REQUIRE(decode_goodbye(bytes, 5, why));
  CHECK(why == "The node stops");
  CHECK_FALSE(decode_goodbye("Cgarbage", 5, why));
}
