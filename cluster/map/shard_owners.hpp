#pragma once

#include "cluster/node_id.hpp"
#include "protocol/mqtt/session_id.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace troupe::cluster {

/// Who answers for a shard: the leader of its group, and its term.
struct shard_owner {
  node_id node = no_node;   // no_node: nobody that is known of
  std::uint64_t epoch = 0;  // with no_node: the highest one heard of

  bool operator==(const shard_owner&) const = default;
};

/// What this node knows of the owners of shards, itself included. Soft state: made
/// of what owners say while they can be heard, the highest epoch wins. Reading
/// takes no lock and may be done for each message; writing may be done on any
/// thread, one after the other.
class shard_owners {
 public:
  explicit shard_owners(std::uint16_t shards);

  std::uint16_t shards() const noexcept { return static_cast<std::uint16_t>(rows_.size()); }

  /// The owner as of now. `shard` must be below shards().
  shard_owner of(shard_id shard) const noexcept;

  /// `from` says that it owns the shard since `epoch`. False: known already, or
  /// a higher epoch was heard of, or its own withdrawal of this epoch.
  bool announce(node_id from, shard_id shard, std::uint64_t epoch);

  /// `from` owns the shard of that epoch no longer. False: it was not the owner.
  bool withdraw(node_id from, shard_id shard, std::uint64_t epoch);

  /// The node cannot be heard: what it owned has no owner until somebody says
  /// so; it may itself, of the same epoch, when it is back. The shards concerned.
  std::vector<shard_id> peer_lost(node_id node);

  struct figures {
    std::map<node_id, std::size_t> owned;  // nodes that own at least one shard
    std::size_t without_owner = 0;
    std::uint64_t changes = 0;         // since the start
    std::uint64_t stale = 0;           // announcements of an epoch that had passed
    std::uint64_t contradictions = 0;  // two owners of one epoch: must stay 0
  };
  figures look() const;

 private:
  /// A sequence lock: readers repeat while the count is odd or has changed.
  struct row {
    std::atomic<std::uint64_t> turn{0};
    std::atomic<std::uint64_t> node{0};
    std::atomic<std::uint64_t> epoch{0};
    node_id last = no_node;  // who owned `epoch`; for writers
    bool withdrawn = false;  // by itself; for writers
  };
  void write(row& to, node_id node, std::uint64_t epoch);
  row& at(shard_id shard) { return rows_[number(shard)]; }

  mutable std::mutex writing_;
  std::vector<row> rows_;
  std::uint64_t changes_ = 0;
  std::uint64_t stale_ = 0;
  std::uint64_t contradictions_ = 0;
};

}  // namespace troupe::cluster
