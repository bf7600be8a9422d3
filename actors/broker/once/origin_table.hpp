#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/broker/once/choices.hpp"
#include "protocol/session/origin.hpp"
#include "storage/store.hpp"

namespace troupe::broker {

/// Up to which message of each publisher the sessions of one shard have been owed what topic
/// shards gave to it, as its owner knows that in one epoch. Made by the session shard from what
/// is stored; then each topic shard has its part to itself, and that of the shard's own number
/// the choices.
class origin_table {
 public:
  struct entry {
    troupe::session::origin latest;
    std::int64_t seen = 0;  // wall milliseconds
  };
  struct part {
    std::unordered_map<std::uint64_t, entry> publishers;  // by session
    /// A commit failed: what is said here may not be stored.
    bool doubtful = false;
  };

  origin_table(std::uint64_t epoch, std::uint16_t shards) : epoch_(epoch), parts_(shards) {}

  std::uint64_t epoch() const noexcept { return epoch_; }
  part& of(shard_id topics) { return parts_[number(topics)]; }

  choices& chosen() noexcept { return chosen_; }

  void restore(const storage::origin_record& from) {
    if (number(from.topics) < parts_.size())
      of(from.topics).publishers[from.publisher.value] = {from.latest, from.seen};
  }

 private:
  const std::uint64_t epoch_;
  std::vector<part> parts_;
  choices chosen_;
};

using origin_table_ptr = std::shared_ptr<origin_table>;

}  // namespace troupe::broker
