#include "actors/broker/routing/share_chooser.hpp"

#include "cluster/shard_hash.hpp"
#include "tests/support/catch.hpp"

#include <map>
#include <set>

namespace troupe::broker {
namespace {

constexpr cluster::node_id here{1};
constexpr cluster::node_id there{2};
const std::string share = "$share/group/t";

struct group_of {
  explicit group_of(std::size_t count, bool durable = false) {
    group.name = std::make_shared<const std::string>(share);
    group.state = std::make_shared<share_state>();
    for (std::size_t i = 0; i < count; ++i) add(i, durable);
  }
  void add(std::size_t i, bool durable = false, cluster::node_id at = cluster::no_node) {
    const session_id id(shard_id{3}, i + 1);
    subscription s;
    s.who = at == cluster::no_node ? subscriber_ptr(new subscriber(id, durable))
                                   : subscriber::announced(id, durable, at);
    s.who->online(true);
    s.options.maximum_qos = mqtt::qos::exactly_once;
    group.members.push_back(std::move(s));
  }
  subscriber& operator[](std::size_t i) { return *group.members[i].who; }

  share_group group;
};

share_request request(share_strategy strategy, std::uint64_t client = 7) {
  share_request r;
  r.strategy = strategy;
  r.client = client;
  r.self = here;
  r.level = mqtt::qos::at_least_once;
  r.bytes = 10;
  return r;
}

constexpr share_strategy all[] = {share_strategy::round_robin, share_strategy::local_first,
                                  share_strategy::sticky, share_strategy::hash_client,
                                  share_strategy::random};

std::uint64_t chosen(share_chooser& chooser, const group_of& of, const share_request& r) {
  const auto* s = chooser.choose(of.group, r);
  return s == nullptr ? 0 : s->who->id().count();
}

}  // namespace

TEST_CASE("whatever the strategy, members that are there and have room come first",
          "[broker][share]") {
  for (const auto strategy : all) {
    CAPTURE(static_cast<int>(strategy));
    share_chooser chooser(1);
    group_of members(4, true);
    auto r = request(strategy);
    r.max_queued_messages = 2;
    // One has ended, one is away, one is full: the fourth gets everything.
    members[0].end();
    members[1].online(false);
    members[2].owe(2, 20);
    for (std::uint64_t client = 0; client < 50; ++client) {
      r.client = client;
      CHECK(chosen(chooser, members, r) == 4);
    }
    // The one that is away keeps what a full one would lose.
    r.without = session_id(shard_id{3}, 4);
    for (int i = 0; i < 20; ++i) CHECK(chosen(chooser, members, r) == 2);
    // But not what nobody keeps.
    r.level = mqtt::qos::at_most_once;
    members[2].full(true);
    for (int i = 0; i < 20; ++i) CHECK(chosen(chooser, members, r) == 3);
    members[2].end();
    CHECK(chosen(chooser, members, r) == 0);
    r.level = mqtt::qos::exactly_once;
    members[1].owe(2, 20);  // full and away, still better than nobody
    CHECK(chosen(chooser, members, r) == 2);
    members[1].end();
    CHECK(chosen(chooser, members, r) == 0);
    r.without = {};
    CHECK(chosen(chooser, members, r) == 4);
    members[3].end();
    CHECK(chosen(chooser, members, r) == 0);
  }
}

TEST_CASE("clean members that are full are passed by", "[broker][share]") {
  for (const auto strategy : all) {
    CAPTURE(static_cast<int>(strategy));
    share_chooser chooser(1);
    group_of members(3);
    members[0].full(true);
    members[2].full(true);
    for (std::uint64_t client = 0; client < 20; ++client)
      CHECK(chosen(chooser, members, request(strategy, client)) == 2);
    members[1].online(false);  // clean: it keeps nothing
    for (std::uint64_t client = 0; client < 20; ++client)
      CHECK(chosen(chooser, members, request(strategy, client)) != 2);
  }
}

TEST_CASE("a member that was full on another node is passed by for two ticks", "[broker][share]") {
  for (const auto strategy : all) {
    CAPTURE(static_cast<int>(strategy));
    share_chooser chooser(1);
    group_of members(2);
    chooser.avoid(members[0].id());
    const auto one = [&] {
      std::set<std::uint64_t> seen;
      for (std::uint64_t client = 0; client < 30; ++client) {
        members.group.state->held = 0;
        seen.insert(chosen(chooser, members, request(strategy, client)));
      }
      return seen;
    };
    CHECK(one() == std::set<std::uint64_t>{2});
    chooser.tick();
    chooser.tick();
    CHECK(one() == std::set<std::uint64_t>{2});
    chooser.tick();
    if (strategy != share_strategy::sticky) CHECK(one() == std::set<std::uint64_t>{1, 2});
  }
}

TEST_CASE("round robin serves one after the other", "[broker][share]") {
  share_chooser chooser(1);
  group_of members(3);
  for (std::uint64_t i = 0; i < 9; ++i)
    CHECK(chosen(chooser, members, request(share_strategy::round_robin)) == i % 3 + 1);
}

TEST_CASE("local_first takes members at the publisher's node in turn", "[broker][share]") {
  share_chooser chooser(1);
  group_of members(2);
  members.add(2, false, there);
  members.add(3, true, cluster::node_id{3});
  members[3].awake_at(there);  // kept by one node, connected at another
  auto r = request(share_strategy::local_first);
  const auto count = [&] {
    std::map<std::uint64_t, int> seen;
    for (int i = 0; i < 40; ++i) ++seen[chosen(chooser, members, r)];
    return seen;
  };
  SECTION("the publisher is here") {
    const auto seen = count();
    CHECK(seen.size() == 2);
    CHECK(seen.at(1) >= 10);
    CHECK(seen.at(2) >= 10);
    members[0].online(false);
    CHECK(count() == std::map<std::uint64_t, int>{{2, 40}});
    members[1].online(false);
    const auto others = count();
    CHECK(others.size() == 2);
    CHECK(others.contains(3));
    CHECK(others.contains(4));
  }
  SECTION("the publisher is there") {
    r.at = there;
    const auto seen = count();
    CHECK(seen.size() == 2);
    CHECK(seen.at(3) >= 10);
    CHECK(seen.at(4) >= 10);
    members[2].full(true);
    CHECK(count() == std::map<std::uint64_t, int>{{4, 40}});
  }
  SECTION("nobody is where the publisher is") {
    r.at = cluster::node_id{9};
    CHECK(count().size() == 4);
  }
}

TEST_CASE("sticky stays until its member is away or full", "[broker][share]") {
  share_chooser chooser(1);
  group_of members(5, true);
  auto r = request(share_strategy::sticky);
  r.max_queued_messages = 10;
  const auto first = chosen(chooser, members, r);
  for (std::uint64_t client = 0; client < 30; ++client) {
    r.client = client;
    CHECK(chosen(chooser, members, r) == first);
  }
  // Others come: nothing changes, wherever they stand.
  for (std::size_t i = 5; i < 30; ++i) {
    members.add(i, true);
    std::swap(members.group.members.front(), members.group.members.back());
    CHECK(chosen(chooser, members, r) == first);
  }
  const auto who = [&](std::uint64_t count) -> subscriber& {
    for (auto& m : members.group.members)
      if (m.who->id().count() == count) return *m.who;
    throw std::logic_error("no such member");
  };
  // It declines one message: only that one goes to another.
  r.without = who(first).id();
  CHECK(chosen(chooser, members, r) != first);
  r.without = {};
  CHECK(chosen(chooser, members, r) == first);
  who(first).owe(10, 100);
  const auto second = chosen(chooser, members, r);
  CHECK(second != first);
  who(first).settle(100, 10);
  CHECK(chosen(chooser, members, r) == second);
  who(second).online(false);
  const auto third = chosen(chooser, members, r);
  CHECK(third != second);
  who(second).online(true);
  CHECK(chosen(chooser, members, r) == third);
}

TEST_CASE("who chooses in a sticky group for the first time chooses as others do",
          "[broker][share]") {
  share_chooser one(1);
  share_chooser other(2);
  group_of here_as(7);
  group_of there_as(7);
  std::reverse(there_as.group.members.begin(), there_as.group.members.end());
  CHECK(chosen(one, here_as, request(share_strategy::sticky, 1)) ==
        chosen(other, there_as, request(share_strategy::sticky, 2)));
}

TEST_CASE("hash_client: each client has its member, and only a lost one's clients move",
          "[broker][share]") {
  share_chooser chooser(1);
  share_chooser other(2);
  group_of members(8);
  group_of mirrored(8);
  std::reverse(mirrored.group.members.begin(), mirrored.group.members.end());
  const auto of = [](int i) { return cluster::stable_hash("client " + std::to_string(i)); };
  std::map<int, std::uint64_t> before;
  std::map<std::uint64_t, int> load;
  for (int i = 0; i < 800; ++i) {
    const auto r = request(share_strategy::hash_client, of(i));
    before[i] = chosen(chooser, members, r);
    ++load[before[i]];
    CHECK(chosen(chooser, members, r) == before[i]);
    CHECK(chosen(other, mirrored, r) == before[i]);
  }
  for (std::uint64_t m = 1; m <= 8; ++m) CHECK(load[m] > 60);
  members[2].online(false);
  for (int i = 0; i < 800; ++i) {
    const auto now = chosen(chooser, members, request(share_strategy::hash_client, of(i)));
    CHECK(now != 3);
    if (before[i] != 3) CHECK(now == before[i]);
  }
}

TEST_CASE("random: each gets about as much, and a seed is a history", "[broker][share]") {
  const auto history = [](std::uint64_t seed, bool one_is_away) {
    share_chooser chooser(seed);
    group_of members(5);
    if (one_is_away) members[1].online(false);
    std::vector<std::uint64_t> all_of_it;
    for (int i = 0; i < 2'000; ++i)
      all_of_it.push_back(chosen(chooser, members, request(share_strategy::random)));
    return all_of_it;
  };
  CHECK(history(1, false) == history(1, false));
  CHECK(history(1, false) != history(2, false));
  for (const bool one_is_away : {false, true}) {
    std::map<std::uint64_t, int> load;
    for (const auto m : history(3, one_is_away)) ++load[m];
    CHECK(load.size() == (one_is_away ? 4 : 5));
    for (const auto& [m, n] : load) {
      CHECK(n > (one_is_away ? 400 : 320));
      CHECK(n < (one_is_away ? 600 : 480));
    }
  }
}

TEST_CASE("groups may have a strategy of their own", "[broker][share]") {
  sharing_rules rules;
  rules.strategy = share_strategy::random;
  CHECK(rules.of("$share/billing/a/b") == share_strategy::random);
  rules.groups.emplace("billing", share_strategy::sticky);
  CHECK(rules.of("$share/billing/a/b") == share_strategy::sticky);
  CHECK(rules.of("$share/billings/a/b") == share_strategy::random);
}

}  // namespace troupe::broker
