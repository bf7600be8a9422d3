#include "cluster/map/cluster_state.hpp"

#include "cluster/map/placement.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/cluster/members.hpp"

#include <random>

using namespace members;
using kind = outcome::kind;
namespace cmd = troupe::cluster::command;
using troupe::shard_id;

namespace {

/// The sentence of a refusal, which changes nothing.
std::string refusal(cluster_state& state, const cmd::any& what) {
  const auto before = state;
  const auto result = state.apply(what);
  REQUIRE(result.what == kind::refused);
  CHECK(state == before);
  return result.sentence;
}

void changes(cluster_state& state, const cmd::any& what) {
  const auto result = state.apply(what);
  INFO(result.sentence);
  REQUIRE(result.what == kind::changed);
  // A retried command does no harm.
  const auto after = state;
  const auto again = state.apply(what);
  CHECK(again.what != kind::changed);
  CHECK(state == after);
}

void place_all(cluster_state& state) {
  changes(state, command_of(plan(state)));
}

}  // namespace

TEST_CASE("a cluster is formed once, members join, come up, leave and are gone", "[map]") {
  cluster_state state;
  CHECK_FALSE(state.formed());
  changes(state, form());
  CHECK(state.find(id(1))->state == member_state::up);
  changes(state, join(2));
  CHECK(state.find("n2")->state == member_state::joining);
  CHECK(state.up() == 1);
  changes(state, cmd::confirm{id(2)});
  CHECK(state.up() == 2);
  changes(state, cmd::leave{id(2), true});
  changes(state, cmd::retire{id(2)});
  CHECK(state.find(id(2)) == nullptr);
  CHECK(state.gone(id(2)));
  CHECK(refusal(state, join(2)).find("Move its data directory away") != std::string::npos);
  // The name is free again for another node.
  auto heir = join(5);
  heir.who.name = "n2";
  changes(state, heir);
}

TEST_CASE("a member says anew where it is reached and keeps its state and age", "[map]") {
  auto state = cluster_of(2);
  auto moved = join(2);
  moved.who.host = "elsewhere";
  moved.who.release = "0.2.0";
  const auto age = state.find(id(2))->joined;
  changes(state, moved);
  CHECK(state.find(id(2))->host == "elsewhere");
  CHECK(state.find(id(2))->state == member_state::up);
  CHECK(state.find(id(2))->joined == age);
}

TEST_CASE("nonsense is refused with a sentence", "[map]") {
  cluster_state empty;
  CHECK(refusal(empty, join(2)) == "There is no cluster yet.");
  auto witness = form();
  witness.first.kind = member_kind::witness;
  CHECK(refusal(empty, witness).find("cannot be a witness") != std::string::npos);
  auto nothing = form();
  nothing.shards = 0;
  CHECK(refusal(empty, nothing) == "A cluster has 1 to 4096 shards.");

  auto state = cluster_of(3);
  auto other = form();
  other.cluster = 78;
  CHECK(refusal(state, other) == "This node is a member of cluster plant already.");
  auto twice = join(9);
  twice.who.name = "n3";
  CHECK(refusal(state, twice)
            .find("The name n3 belongs to another member (node "
                  "0000000000000003)") == 0);
  auto stranger = join(9);
  stranger.cluster_name = "other";
  CHECK(refusal(state, stranger) ==
        "Node n9 wants to join cluster other, but this is cluster plant.");
  auto shards = join(9);
  shards.shards = 16;
  CHECK(refusal(state, shards).find("made with 16 shards, but cluster plant has 8") !=
        std::string::npos);
  auto nowhere = join(9);
  nowhere.who.port = 0;
  CHECK(refusal(state, nowhere).find("no port") != std::string::npos);
  auto turned = join(3, member_kind::witness);
  CHECK(refusal(state, turned).find("Member n3 is a full member") == 0);
  CHECK(refusal(state, cmd::leave{id(3)}) ==
        "Without n3 only 2 members remain for the 3 replicas that each shard is to have: lower "
        "that number, add a member, or force it.");
  CHECK(refusal(state, cmd::retire{id(3)}) == "Member n3 is not leaving.");
  CHECK(refusal(state, cmd::evict{id(9)}) == "Node 0000000000000009 is no member.");
  CHECK(refusal(state, cmd::set_replicas{0}) == "A shard has 1 to 7 replicas.");

  auto alone = cluster_of(1);
  CHECK(refusal(alone, cmd::evict{id(1), true}) == "Member n1 is the last one that holds data.");
  CHECK(refusal(alone, cmd::leave{id(1), true}).find("is the last one") != std::string::npos);
}

TEST_CASE("a witness does not stand in for the last member with data", "[map]") {
  auto state = cluster_of(1);
  changes(state, join(2, member_kind::witness));
  changes(state, cmd::confirm{id(2)});
  CHECK(refusal(state, cmd::evict{id(1), true}) == "Member n1 is the last one that holds data.");
  changes(state, cmd::evict{id(2)});
}

TEST_CASE("the first map waits for the members that are expected", "[map]") {
  cluster_state state;
  changes(state, form(8, 3, 2));
  CHECK_FALSE(state.awaits_map());
  CHECK(refusal(state, command_of(plan(state))) ==
        "The cluster has 1 of 2 members that bootstrap_expect asks for.");
  changes(state, join(2));
  CHECK_FALSE(state.awaits_map());
  changes(state, cmd::confirm{id(2)});
  CHECK(state.awaits_map());
  CHECK(refusal(state, cmd::place{0, {{shard_id{0}, {id(1)}}}}) ==
        "The first shard map must place every shard.");
  place_all(state);
  CHECK_FALSE(state.awaits_map());
  for (const auto& each : state.map().shards) {
    CHECK(each.replicas.size() == 2);
    CHECK(each.born_on == each.replicas);
    CHECK(each.births == 1);
  }
}

TEST_CASE("impossible replica sets are refused", "[map]") {
  auto state = cluster_of(3);
  place_all(state);
  changes(state, join(4));
  changes(state, join(5, member_kind::witness));
  changes(state, cmd::confirm{id(5)});
  const auto base = state.map().version;
  const auto try_set = [&](replica_set set) {
    return refusal(state, cmd::place{base, {{shard_id{2}, std::move(set)}}});
  };
  CHECK(try_set({}) == "Shard 2 would have no replica.");
  CHECK(try_set({id(1), id(1)}) == "Shard 2 would have two replicas on one node.");
  CHECK(try_set({id(9)}) == "Shard 2 would be on node 0000000000000009, which is no member.");
  CHECK(try_set({id(5), id(1)}) == "Shard 2 would be owned by n5, a witness, which serves nobody.");
  CHECK(try_set({id(4)}) == "Shard 2 would come to n4, which is joining.");
  CHECK(refusal(state, cmd::place{base, {{shard_id{8}, {id(1)}}}}) ==
        "There is no shard 8: the cluster has 8.");
  CHECK(refusal(state, cmd::place{base, {{shard_id{1}, {id(1)}}, {shard_id{1}, {id(2)}}}}) ==
        "Shard 1 is placed twice by one command.");
  CHECK(refusal(state, cmd::place{base + 1, {{shard_id{1}, {id(1)}}}}).find("The plan was made") ==
        0);
}

TEST_CASE("who leaves keeps its shards until they are placed elsewhere", "[map]") {
  auto state = cluster_of(4);
  place_all(state);
  changes(state, cmd::leave{id(2)});
  CHECK(state.replicas_on(id(2)) > 0);
  CHECK(refusal(state, cmd::retire{id(2)}).find("still is to hold") != std::string::npos);
  place_all(state);
  CHECK(state.replicas_on(id(2)) == 0);
  changes(state, cmd::retire{id(2)});
}

TEST_CASE("eviction takes the node out of every set; the only replica needs force", "[map]") {
  auto state = cluster_of(2, 8, 1);
  place_all(state);
  CHECK(refusal(state, cmd::evict{id(2)}).find("has the only replica of shards ") !=
        std::string::npos);
  const auto born = state.map().shards;
  changes(state, cmd::evict{id(2), true});
  CHECK(state.replicas_on(id(2)) == 0);
  place_all(state);
  for (std::size_t i = 0; i < born.size(); ++i) {
    const bool lost = born[i].replicas.front() == id(2);
    CHECK(state.map().shards[i].births == (lost ? 2 : 1));
    CHECK(state.map().shards[i].born_on.front() == id(1));
  }
}

TEST_CASE("up to five eldest members vote in the meta group", "[map]") {
  auto state = cluster_of(7);
  CHECK(meta_voters(state) == std::vector{id(1), id(2), id(3), id(4), id(5)});
  changes(state, cmd::leave{id(2)});
  CHECK(meta_voters(state) == std::vector{id(1), id(3), id(4), id(5), id(6)});
  changes(state, join(8));
  CHECK(meta_voters(state).size() == 5);
  auto small = cluster_of(2);
  changes(small, join(3, member_kind::witness));
  CHECK(meta_voters(small) == std::vector{id(1), id(2)});
  changes(small, cmd::confirm{id(3)});
  CHECK(meta_voters(small) == std::vector{id(1), id(2), id(3)});
}

TEST_CASE("commands and states survive their bytes", "[map]") {
  const std::vector<cmd::any> commands{form(),
                                       join(2, member_kind::witness),
                                       cmd::confirm{id(2)},
                                       cmd::leave{id(2), true},
                                       cmd::retire{id(2)},
                                       cmd::evict{id(3), true},
                                       cmd::place{4, {{shard_id{1}, {id(1), id(2)}}}},
                                       cmd::set_replicas{5}};
  for (const auto& each : commands) {
    std::string error;
    const auto bytes = cmd::encode(each);
    const auto back = cmd::decode(bytes, error);
    REQUIRE(back);
    CHECK(back->index() == each.index());
    CHECK(cmd::encode(*back) == bytes);
  }
  auto state = cluster_of(4);
  place_all(state);
  changes(state, cmd::leave{id(4)});
  place_all(state);
  changes(state, cmd::retire{id(4)});
  std::string error;
  const auto back = cluster_state::decode(state.encode(), error);
  INFO(error);
  REQUIRE(back);
  CHECK(*back == state);
  CHECK(back->encode() == state.encode());
  const auto nothing = cluster_state::decode(cluster_state{}.encode(), error);
  REQUIRE(nothing);
  CHECK(*nothing == cluster_state{});
}

TEST_CASE("what is newer or malformed is not applied", "[map]") {
  auto state = cluster_of(3);
  const auto before = state;
  for (const std::string& bytes : {std::string(), std::string("\xff\xff\xff"),
                                   std::string("\x08\x02", 2), std::string("\x08\x01", 2)}) {
    const auto result = state.apply(bytes);
    CHECK(result.what == kind::unreadable);
    CHECK_FALSE(result.sentence.empty());
    CHECK(state == before);
    std::string error;
    CHECK_FALSE(cmd::decode(bytes, error));
    CHECK_FALSE(error.empty());
  }
  std::string error;
  CHECK_FALSE(cluster_state::decode(std::string("\x08\x02", 2), error));
  CHECK(error.find("newer version of Troupe") != std::string::npos);
  CHECK_FALSE(cluster_state::decode("", error));
}

TEST_CASE("any damage of bytes is an error or another sound state, never more", "[map]") {
  auto state = cluster_of(4);
  place_all(state);
  const auto good = state.encode();
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    std::string error;
    const auto read = cluster_state::decode(bytes, error);
    CHECK(read.has_value() == error.empty());
    if (read) CHECK(cluster_state::decode(read->encode(), error) == read);
  }
  const auto entry = cmd::encode(command_of(plan(state)));
  const auto join_bytes = cmd::encode(join(9));
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = round % 2 == 0 ? entry : join_bytes;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    auto copy = state;
    copy.apply(bytes);
    std::string error;
    CHECK(cluster_state::decode(copy.encode(), error) == copy);
  }
}

TEST_CASE("random commands never lead to what a snapshot could not hold", "[map]") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto some = [&] { return id(1 + random() % 7); };
    cluster_state state;
    cluster_state follower;  // reads every entry from bytes
    for (int step = 0; step < 120; ++step) {
      cmd::any what = form();
      switch (random() % 9) {
        case 0:
          what =
              join(1 + random() % 7, random() % 4 == 0 ? member_kind::witness : member_kind::full);
          break;
        case 1:
          what = join(8 + random() % 200);
          break;
        case 2:
        case 3:
          what = cmd::confirm{some()};
          break;
        case 4:
          what = cmd::leave{some(), random() % 2 == 0};
          break;
        case 5:
          what = cmd::retire{some()};
          break;
        case 6:
          if (random() % 3 == 0) what = cmd::evict{some(), random() % 2 == 0};
          break;
        case 7:
          what = command_of(plan(state));
          break;
        default:
          what = cmd::set_replicas{static_cast<std::uint32_t>(random() % 9)};
      }
      const auto result = state.apply(what);
      CHECK(follower.apply(cmd::encode(what)).what == result.what);
      REQUIRE(follower == state);
      std::string error;
      const auto back = cluster_state::decode(state.encode(), error);
      INFO(error);
      REQUIRE(back);
      REQUIRE(*back == state);
    }
  }
}
