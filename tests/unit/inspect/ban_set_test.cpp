#include "actors/broker/inspect/ban_set.hpp"

#include "tests/support/catch.hpp"

using namespace troupe::broker;

namespace {

ban of(ban_kind as, std::string who, std::int64_t at, std::int64_t until = 0, bool lifted = false) {
  return {as, std::move(who), "why", "me", at, until, lifted};
}

}  // namespace

TEST_CASE("a ban holds for client ids, users and addresses until it is over", "[bans]") {
  ban_set bans;
  CHECK(bans.find("c", "u", "192.0.2.1:4000", 50) == nullptr);
  REQUIRE(bans.merge(of(ban_kind::clientid, "c", 1, 100)));
  REQUIRE(bans.merge(of(ban_kind::username, "u", 2)));
  REQUIRE(bans.merge(of(ban_kind::ip_address, "192.0.2.1", 3)));
  REQUIRE(bans.merge(of(ban_kind::ip_address, "::1", 3)));
  CHECK(bans.find("c", "x", "192.0.2.2:1", 99) != nullptr);
  CHECK(bans.find("c", "x", "192.0.2.2:1", 100) == nullptr);
  CHECK(bans.find("d", "u", "192.0.2.2:1", 1000) != nullptr);
  CHECK(bans.find("d", "", "192.0.2.1:65535", 1000) != nullptr);
  CHECK(bans.find("d", "", "192.0.2.10:1", 1000) == nullptr);
  CHECK(bans.find("d", "", "[::1]:1883", 1000) != nullptr);
  CHECK(bans.find("d", "", "unix", 1000) == nullptr);
}

TEST_CASE("of two changes of a ban the later one holds on every node", "[bans]") {
  const auto older = of(ban_kind::clientid, "c", 10);
  const auto lifted = of(ban_kind::clientid, "c", 20, 0, true);
  ban_set here;
  ban_set there;
  CHECK(here.merge(older));
  CHECK(here.merge(lifted));
  CHECK(there.merge(lifted));
  CHECK_FALSE(there.merge(older));
  CHECK(here.all() == there.all());
  CHECK(here.find("c", "", "", 30) == nullptr);
  CHECK_FALSE(here.merge(lifted));
  // At the same moment: the same one everywhere.
  const auto other = of(ban_kind::clientid, "c", 20, 500);
  CHECK_FALSE(here.merge(other));
  ban_set third;
  CHECK(third.merge(of(ban_kind::clientid, "c", 20, 500)));
  third.merge(of(ban_kind::clientid, "c", 20, 900));
  ban_set fourth;
  fourth.merge(of(ban_kind::clientid, "c", 20, 900));
  fourth.merge(of(ban_kind::clientid, "c", 20, 500));
  CHECK(third.all() == fourth.all());
  // Lifted and not, at the same moment.
  third.merge(lifted);
  here.merge(third.all().begin()->second);
  CHECK(third.all() == here.all());
}

TEST_CASE("what is over or was lifted long ago is forgotten", "[bans]") {
  ban_set bans;
  bans.merge(of(ban_kind::clientid, "over", 1, 100));
  bans.merge(of(ban_kind::clientid, "lifted", 50, 0, true));
  bans.merge(of(ban_kind::clientid, "holds", 1));
  bans.prune(100);
  CHECK(bans.all().size() == 2);
  bans.prune(50 + ban_set::lifted_for_ms);
  CHECK(bans.all().size() == 1);
}

TEST_CASE("bans survive as text, and malformed text changes nothing", "[bans]") {
  ban_set bans;
  bans.merge(of(ban_kind::ip_address, "192.0.2.1", 5, 7));
  bans.merge(of(ban_kind::username, "\xff\"", 6, 0, true));
  bans.merge(of(ban_kind::clientid, "c", 9));
  ban_set read;
  CHECK(read.merge_text(bans.encode()).empty());
  CHECK(read.all().size() == 3);
  CHECK(read.find("c", "", "", 10) != nullptr);
  for (
      const auto* bad :
      {"", "[]", "{}", "{\"version\":2,\"bans\":[]}", "{\"version\":1,\"bans\":[1]}",
       "{\"version\":1,\"bans\":[{\"as\":\"clientid\"}]}",
       R"({"version":1,"bans":[{"as":"color","who":"x","reason":"","by":"","at":1,"until":0}]})",
       R"({"version":1,"bans":[{"as":"clientid","who":"x","reason":"","by":"","at":"1","until":0}]})"}) {
    const auto before = read.all();
    CHECK_FALSE(read.merge_text(bad).empty());
    CHECK(read.all() == before);
  }
}
