#include "storage/backup/replica_choice.hpp"

#include "tests/support/catch.hpp"

namespace troupe::storage::backup {
namespace {

/// "12": nodes 1 and 2 vote; "?" cannot be read.
std::optional<std::vector<std::uint64_t>> voters(std::string_view bytes) {
  if (bytes == "?") return std::nullopt;
  std::vector<std::uint64_t> all;
  for (const char each : bytes) all.push_back(static_cast<std::uint64_t>(each - '0'));
  return all;
}

shard_marks state(std::uint64_t term, std::uint64_t index) {
  shard_marks marks;
  marks.term = term;
  marks.index = index;
  return marks;
}

/// Entries of these terms from `first` on; of the first of all it is known who votes.
raft_log_content log_of(std::uint64_t first, const std::vector<std::uint64_t>& terms,
                        std::uint64_t term_before = 0, const std::string& members = "123") {
  raft_log_content log;
  log.term = terms.empty() ? term_before : terms.back();
  log.first = first;
  if (first > 1) log.snapshot = raft_log_snapshot{first - 1, term_before, 1, members, {}};
  for (const auto term : terms) log.entries.push_back({term, raft_entry_kind::command, {}});
  if (first == 1) log.entries.at(0) = {terms[0], raft_entry_kind::configuration, members};
  return log;
}

using copies = std::vector<replica_copy>;

}  // namespace

TEST_CASE("the farthest log is taken with the state that it goes on from", "[store][backup]") {
  const copies all{{1, state(1, 5), log_of(1, {1, 1, 1, 1, 1, 1})},
                   {2, state(1, 3), log_of(1, {1, 1, 1, 1, 1, 1, 1, 1})},
                   {3, {}, {}}};
  const auto found = choose_replica(all, voters);
  REQUIRE(found);
  CHECK(found->end == place{1, 8});
  CHECK(found->log == 1);
  CHECK(found->voters == 3);
  CHECK(found->given == 2);
  CHECK(found->sufficient());
}

TEST_CASE("a later term goes before a longer log", "[store][backup]") {
  // What node 1 has beyond the third entry was never committed: node 2 was elected without it.
  const copies all{{1, state(1, 2), log_of(1, {1, 1, 1, 1, 1, 1})},
                   {2, state(1, 3), log_of(1, {1, 1, 1, 2})}};
  const auto found = choose_replica(all, voters);
  REQUIRE(found);
  CHECK(found->end == place{2, 4});
  CHECK(found->log == 1);
}

TEST_CASE("a log that was overwritten before its state was copied is not gone on with",
          "[store][backup]") {
  const copies all{{1, state(2, 4), log_of(1, {1, 1, 1, 1, 1, 1})}};
  const auto found = choose_replica(all, voters);
  REQUIRE(found);
  CHECK(found->state == 0);
  CHECK_FALSE(found->log);
  CHECK(found->end == place{2, 4});
}

TEST_CASE("a state may be ahead of all logs, and behind the begin of its own", "[store][backup]") {
  const copies ahead{{1, state(3, 9), log_of(5, {2, 3}, 2)}};
  CHECK(choose_replica(ahead, voters)->end == place{3, 9});
  // Its state was lost, another one's is old: what the first has cannot be reached.
  copies behind{{1, {}, log_of(9, {3, 3}, 3)}, {2, state(2, 4), log_of(1, {1, 2, 2, 2})}};
  const auto found = choose_replica(behind, voters);
  REQUIRE(found);
  CHECK(found->end == place{2, 4});
  CHECK(found->farthest == place{3, 10});
  CHECK_FALSE(found->sufficient());
  // A third one's state is what the log goes on from.
  behind.push_back({3, state(3, 8), {}});
  const auto whole = choose_replica(behind, voters);
  REQUIRE(whole);
  CHECK((whole->state == 2 && whole->log == 0 && whole->end == place{3, 10}));
  CHECK(whole->sufficient());
}

TEST_CASE("a state that was being taken over is none", "[store][backup]") {
  auto half = state(0, 0);
  half.incomplete = true;
  const copies all{{1, half, log_of(7, {2}, 2)}};
  CHECK_FALSE(choose_replica(all, voters));
  CHECK_FALSE(choose_replica({{1, {}, {}}, {2, {}, {}}}, voters));
}

TEST_CASE("a shard that has only its log begins empty", "[store][backup]") {
  const auto found = choose_replica({{1, {}, log_of(1, {1, 1}, 0, "1")}}, voters);
  REQUIRE(found);
  CHECK_FALSE(found->state);
  CHECK(found->log == 0);
  CHECK(found->sufficient());
}

TEST_CASE("fewer than a majority of the voters is told", "[store][backup]") {
  const copies one{{2, state(1, 2), log_of(1, {1, 1})}};
  const auto found = choose_replica(one, voters);
  REQUIRE(found);
  CHECK((found->voters == 3 && found->given == 1));
  CHECK_FALSE(found->sufficient());
  // The newest configuration counts, in the log or before it.
  auto grown = log_of(4, {1, 1, 1}, 1, "12");
  CHECK(choose_replica({{1, state(1, 6), grown}, {2, state(1, 3), log_of(4, {}, 1)}}, voters)
            ->sufficient());
  grown.entries[1] = {1, raft_entry_kind::configuration, "12345"};
  CHECK_FALSE(choose_replica({{1, state(1, 6), grown}, {2, state(1, 3), log_of(4, {}, 1)}}, voters)
                  ->sufficient());
  // What cannot be read says nothing.
  CHECK_FALSE(choose_replica({{1, state(1, 1), log_of(1, {1}, 0, "?")}}, voters)->sufficient());
}

}  // namespace troupe::storage::backup
