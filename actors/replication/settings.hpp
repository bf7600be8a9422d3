#pragma once

#include "cluster/node_id.hpp"
#include "cluster/raft/group.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace troupe::replication {

/// How a node replicates its shards. Times in milliseconds, sizes in bytes.
struct replication_settings {
  cluster::node_id self = cluster::no_node;
  /// Of every shard's group; number, self and seed are filled in.
  cluster::raft::group_settings group;
  std::uint64_t seed = 1;  // of election timeouts and transfers
  /// Given to commit() and not yet answered, on this node: more is refused.
  std::uint64_t pending_bytes = std::uint64_t{256} << 20;
  /// Reads that wait for commits before them: more fail.
  std::size_t waiting_reads = std::size_t{1} << 18;
  /// Transactions that owe nothing go into one entry with what follows, up to this size.
  std::uint64_t entry_bytes = std::uint64_t{64} << 10;
  /// Committed entries of a shard that its store works on at a time, at least one.
  std::uint64_t store_window = std::uint64_t{2} << 20;
  /// Frames that were received and not yet looked at, by each run loop: more are dropped.
  std::uint64_t inbox_bytes = std::uint64_t{64} << 20;
  /// A frame to a node is sent when it is so large, otherwise at the end of the turn.
  std::uint64_t frame_bytes = std::uint64_t{256} << 10;
  /// Chunks of a shard that are under way to a node at a time.
  std::uint32_t chunk_window = 4;
  /// After so long without a chunk it is asked for again...
  std::uint32_t ask_again_ms = 1000;
  /// ...after so long another node is asked, and whoever sends forgets the transfer.
  std::uint32_t transfer_silence_ms = 10'000;
  /// A group that has failed is started again after so long; doubled until it lives, to
  /// restart_most_ms.
  std::uint32_t restart_ms = 1000;
  std::uint32_t restart_most_ms = 30'000;
  /// False: logs are read on the loop's own thread (for tests).
  bool threads = true;
  /// Told sentences about trouble; any run loop; may be null.
  std::function<void(std::string_view sentence)> report;
};

}  // namespace troupe::replication
