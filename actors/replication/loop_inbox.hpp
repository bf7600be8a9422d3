#pragma once

#include "cluster/node_id.hpp"
#include "protocol/mqtt/session_id.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/allowed_unsafe_message_type.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace troupe::replication {

/// To a group_loop: there is something in its inbox.
struct look_into_inbox {};

/// What other threads have for the groups of one run loop: gathered under one lock, with one message
/// to the loop's actor for all that comes before it looks. Any thread.
class loop_inbox {
 public:
  struct frame {
    cluster::node_id from;
    std::shared_ptr<const std::string> bytes;
  };
  struct written_batch {
    std::uint16_t shard = 0;
    std::uint64_t life = 0;  // of the group that gave it
    std::uint64_t number = 0;
    std::string error;
  };
  struct content {
    std::vector<frame> frames;
    std::vector<written_batch> written;
    std::vector<std::uint16_t> commits;  // shards, with repetitions
    std::vector<std::uint16_t> applied;  // shards, with repetitions
    std::vector<std::function<void()>> works;
    void clear();
  };

  explicit loop_inbox(std::uint64_t most_bytes) : most_bytes_(most_bytes) {}

  /// Who reads it, and no longer. What is pushed before is kept, what comes after close() is dropped.
  void open(caf::strong_actor_ptr reader);
  void close();

  /// Dropped, and counted, when too much waits.
  void push(frame what);
  void push(written_batch what);
  /// Commits wait at the gate of the shard; `now`: the reader is to look at once.
  void commits_wait(std::uint16_t shard, bool now);
  /// The store has applied something that the group waits for.
  void applied(std::uint16_t shard);
  /// To be run by the reader.
  void run(std::function<void()> work);

  /// For the reader: swaps all that is there into `into`, which is empty.
  void take(content& into);
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  void wake(std::unique_lock<std::mutex>& lock);

  const std::uint64_t most_bytes_;
  std::mutex mutex_;
  content content_;
  std::uint64_t frame_bytes_ = 0;
  caf::strong_actor_ptr reader_;
  bool woken_ = false;
  bool closed_ = false;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace troupe::replication

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::replication::look_into_inbox)
