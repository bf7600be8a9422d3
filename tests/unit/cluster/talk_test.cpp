#include "cluster/membership/talk.hpp"

#include "protocol/schema/member_talk.pb.h"
#include "tests/support/catch.hpp"
#include "tests/unit/cluster/members.hpp"

using namespace members;
using troupe::shard_id;

namespace {

template <class T>
T sent(const T& what) {
  std::string error;
  const auto got = talk::decode(talk::encode(what), error);
  INFO(error);
  REQUIRE(got);
  return std::get<T>(*got);
}

std::string refused(const std::string& bytes) {
  std::string error;
  REQUIRE_FALSE(talk::decode(bytes, error));
  return error;
}

}  // namespace

TEST_CASE("what nodes say arrives as it was said") {
  talk::hello hello{77, named(3), 3, true, 2, {{id(4), "n4", "host", 12}}};
  CHECK(sent(hello) == hello);
  CHECK(sent(talk::promise{9}).round == 9);
  const auto forward = sent(talk::forward{5, "bytes", true});
  CHECK((forward.request == 5 && forward.command == "bytes" && forward.relayed));
  const auto answer = sent(talk::answer{5, talk::answer::result::refused, "No.", 77, true});
  CHECK((answer.what == talk::answer::result::refused && answer.gone && answer.cluster == 77));
  const auto owns = sent(talk::owns{true, {{shard_id{3}, 8, 2}}});
  CHECK((owns.full && owns.shards == talk::owned{{shard_id{3}, 8, 2}}));
  CHECK(sent(talk::withdraws{{{shard_id{3}, 8, 0}}}).shards.size() == 1);
  CHECK(sent(talk::gone{77, "Go."}).sentence == "Go.");
  CHECK(sent(talk::hears{{id(4), id(5)}}).nodes == std::vector{id(4), id(5)});
}

TEST_CASE("what makes no sense is refused with a sentence") {
  CHECK_FALSE(refused("\xff\xff").empty());
  CHECK_FALSE(refused("").empty());
  CHECK_FALSE(refused(talk::encode(talk::promise{0})).empty());
  talk::hello nobody;
  CHECK_FALSE(refused(talk::encode(nobody)).empty());
  CHECK_FALSE(refused(talk::encode(talk::owns{false, {{shard_id{5000}, 1, 0}}})).empty());
  troupe::membership::talk_record newer;
  newer.set_version(1000);
  CHECK(refused(newer.SerializeAsString()).find("newer version") != std::string::npos);
}
