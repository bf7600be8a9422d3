#pragma once

#include "storage/raft/raft_log.hpp"
#include "storage/replication/shard_marks.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

/// Which of several copies of a shard to go on with. A decision alone: no disk.
namespace troupe::storage::backup {

/// Place in the history of a shard: the entry of this index, written in this term.
struct place {
  std::uint64_t term = 0;
  std::uint64_t index = 0;
  auto operator<=>(const place&) const = default;
};

/// What a copy of a node has of a shard. The log was copied before the state, or at the same time.
struct replica_copy {
  std::uint64_t node = 0;
  shard_marks marks;
  raft_log_content log;

  bool has_state() const noexcept { return marks.index > 0 && !marks.incomplete; }
  /// The node holds, or held, a replica.
  bool there() const noexcept { return marks.index > 0 || !log.empty(); }
};

/// The state of one copy, and the entries of a log (of that or another copy) that come after it.
struct replica_choice {
  std::optional<std::size_t> state;  // which copy; nothing: the shard begins empty
  std::optional<std::size_t> log;    // whose entries after the state's are to be applied
  place end;                         // what is reached so
  /// Some copy's log ends here: further than what can be made of all of them, if it is not `end`.
  place farthest;
  std::size_t voters = 0;  // of the shard's group, as the farthest log knows them
  std::size_t given = 0;   // of these have given a copy
  /// What was answered before all copies were made is in it.
  bool sufficient() const noexcept { return given * 2 > voters && end == farthest; }
};

/// The ids of the voters in the bytes of a configuration; nothing if these cannot be read.
using read_voters = std::function<std::optional<std::vector<std::uint64_t>>(std::string_view)>;

/// Nothing if the shard is in none of the copies, or if no state of it can be made of them.
///
/// The farthest log wins, as in an election: whatever a majority of the voters had in their logs
/// before the copies were made is in it, though they were made at different times. Entries that
/// were not committed yet are applied as well: it was not answered what becomes of them.
std::optional<replica_choice> choose_replica(const std::vector<replica_copy>& copies,
                                             const read_voters& voters);

}  // namespace troupe::storage::backup
