#pragma once

#include "actors/replication/replication_context.hpp"
#include "actors/replication/transfer/transfer_frame.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace troupe::replication {

/// Gives states of shards to other nodes that ask for them: reads a chunk when there is room in
/// the window, keeps it until it is imported there. One transfer of a shard to a node at a time,
/// the newest. One run loop, whose inbox brings what was read.
class state_source {
 public:
  state_source(std::shared_ptr<replication_context> context, std::shared_ptr<loop_inbox> inbox)
      : context_(std::move(context)), inbox_(std::move(inbox)) {}

  /// ask, acknowledge and give_up.
  void received(std::int64_t now, cluster::node_id from, const transfer_frame& frame);
  void peer_down(cluster::node_id peer);
  /// Forgets what nobody has asked for in a long time.
  void tick(std::int64_t now);
  std::size_t transfers() const noexcept { return transfers_.size(); }
  std::uint64_t given() const noexcept { return given_; }  // transfers that came to their end
  void clear() { transfers_.clear(); }

 private:
  using key = std::pair<cluster::node_id, std::uint16_t>;
  struct kept {
    std::uint64_t number;
    bool last;
    std::string bytes;
  };
  struct transfer {
    std::uint64_t id = 0;
    std::uint64_t wanted = 0;
    std::uint32_t window = 1;
    std::shared_ptr<storage::shard_export> from;  // null: not yet there
    std::deque<kept> unacknowledged;
    std::uint64_t next = 0;
    bool reading = false;
    bool ended = false;
    std::int64_t touched = 0;
  };

  void begin(std::int64_t now, key to, const transfer_frame& frame);
  void opened(key to, std::uint64_t id, std::shared_ptr<storage::shard_export> from,
              const std::string& error);
  void read(key to, transfer& at);
  void got(key to, std::uint64_t id, storage::shard_chunk chunk);
  void send(key to, const transfer& at, const kept& chunk);
  void refuse(key to, std::uint64_t id, std::string_view why);
  transfer* find(key to, std::uint64_t id);

  const std::shared_ptr<replication_context> context_;
  const std::shared_ptr<loop_inbox> inbox_;
  std::map<key, transfer> transfers_;
  std::uint64_t given_ = 0;
  /// Of what comes back from the store: whether this is still there.
  std::shared_ptr<int> life_ = std::make_shared<int>(0);
};

}  // namespace troupe::replication
