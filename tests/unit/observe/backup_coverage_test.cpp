#include "actors/observe/routes/backup/backup_coverage.hpp"

#include "tests/support/catch.hpp"

namespace troupe::observe {

TEST_CASE("a backup needs a majority of the replicas of every shard", "[observe][backup]") {
  const std::vector<shard_view> shards{
      {0, "a", 1, {"a", "b", "c"}}, {1, "b", 1, {"b", "c", "d"}}, {2, "", 0, {"e"}}};
  CHECK(coverage_of(shards, {"a", "b", "c", "e"}).sufficient);
  CHECK(coverage_of(shards, {"b", "c", "e"}).sufficient);
  const auto few = coverage_of(shards, {"a", "b", "e"});
  CHECK_FALSE(few.sufficient);
  CHECK(few.sentence.find("majority of the replicas were copied of shards 1:") !=
        std::string::npos);
  const auto none = coverage_of(shards, {"b", "c"});
  CHECK_FALSE(none.sufficient);
  CHECK(none.sentence.find("no replica was copied of shards 2.") != std::string::npos);
  CHECK_FALSE(coverage_of({}, {"a"}).sufficient);
  // Two of four are no majority.
  CHECK_FALSE(coverage_of({{0, "", 0, {"a", "b", "c", "d"}}}, {"a", "b"}).sufficient);
}

}  // namespace troupe::observe
