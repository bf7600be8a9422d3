#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/broker/once/origin_table.hpp"
#include "actors/broker/remote/peer_frame.hpp"
#include "actors/broker/remote/session_table.hpp"
#include "actors/broker/shard_owner.hpp"
#include "cluster/network.hpp"

namespace troupe::broker {

/// The other nodes as the actors of the broker see them. Made before the first
/// actor, outlives the last; only in a cluster. Any thread unless said otherwise.
class peers {
 public:
  /// `run`: random, of this life of the node.
  peers(cluster::node_id self, cluster::network& network, std::uint16_t shards, std::uint64_t run);

  cluster::node_id self() const noexcept { return self_; }
  /// Where numbers of requests begin: an answer to an earlier life of this node fits none.
  std::uint64_t first_request() const noexcept { return first_request_; }
  std::uint16_t shards() const noexcept { return static_cast<std::uint16_t>(owners_.size()); }

  shard_owner owner(shard_id shard) const;
  bool owns(shard_id shard) const { return owner(shard).node == self_; }
  /// This node owns the session shard and knows its sessions.
  bool serves(shard_id shard) const noexcept {
    return served_epoch(shard) != 0;
  }
  /// In which epoch; 0: it does not. Who finds a session of the shard moved away
  /// (subscriber::remote()) finds that this has changed, too.
  std::uint64_t served_epoch(shard_id shard) const noexcept {
    return serves_[number(shard)].load(std::memory_order_acquire);
  }
  void set_served(shard_id shard, std::uint64_t epoch) noexcept {
    serves_[number(shard)].store(epoch, std::memory_order_release);
  }
  /// False for what is older than what is known.
  bool set_owner(shard_id shard, shard_owner owner);

  /// Nodes with a pairing.
  std::vector<cluster::node_id> up() const;
  bool is_up(cluster::node_id node) const;
  void set_up(cluster::node_id node, bool up);

  /// False: no pairing, or droppable and the window is full. `hold` is kept until the peer has it.
  bool send(cluster::node_id to, frame_kind kind, std::uint16_t shard,
            const google::protobuf::MessageLite& content,
            std::shared_ptr<const void> hold = nullptr, bool droppable = false);

  /// Whether this node knows that it is cut off from the majority: what needs another node now
  /// is refused at once, and does not wait for an owner.
  bool cut_off() const noexcept { return cut_off_.load(std::memory_order_relaxed); }
  void set_cut_off(bool value) noexcept { cut_off_.store(value, std::memory_order_relaxed); }
  /// Nobody who can be asked owns the shard.
  bool out_of_reach(shard_id shard) const;

  session_table& sessions() noexcept { return sessions_; }

  /// The epoch of the session shard's owner up to which this node's wildcard
  /// index has all of its filters.
  std::uint64_t wildcards_announced(shard_id shard) const noexcept {
    return wildcards_announced_[number(shard)].load(std::memory_order_acquire);
  }
  void set_wildcards_announced(shard_id shard, std::uint64_t epoch) noexcept {
    wildcards_announced_[number(shard)].store(epoch, std::memory_order_release);
  }

  /// Of a session shard that this node serves, else null.
  origin_table_ptr origins(shard_id shard) const;
  /// Before set_served().
  void set_origins(shard_id shard, origin_table_ptr table);

  /// Offsets in the body log of a session shard that this node owns, each once.
  std::uint64_t next_offset(shard_id shard) noexcept {
    return offsets_[number(shard)].fetch_add(1, std::memory_order_relaxed);
  }
  /// The log has those below `offset`. What was given out already, and may be on its way into the
  /// log, is not given out again.
  void raise_next_offset(shard_id shard, std::uint64_t offset) noexcept {
    auto& next = offsets_[number(shard)];
    auto seen = next.load(std::memory_order_relaxed);
    while (seen < offset &&
           !next.compare_exchange_weak(seen, offset, std::memory_order_relaxed)) {
    }
  }

 private:
  const cluster::node_id self_;
  const std::uint64_t first_request_;
  cluster::network& network_;
  session_table sessions_;
  mutable std::mutex mutex_;
  std::vector<shard_owner> owners_;
  std::vector<origin_table_ptr> origins_;
  std::vector<cluster::node_id> up_;
  std::vector<std::atomic<std::uint64_t>> wildcards_announced_;
  std::vector<std::atomic<std::uint64_t>> offsets_;
  std::vector<std::atomic<std::uint64_t>> serves_;
  std::atomic<bool> cut_off_{false};
};

}  // namespace troupe::broker
