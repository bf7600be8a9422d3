#pragma once

#include "storage/database.hpp"
#include "storage/store.hpp"

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace troupe::storage {

/// How many receivers still need a body that had several. There is one writer,
/// so counts are read, changed and written back in the batch of the release,
/// and the body goes in the batch of its last release: a crash can neither
/// leak a body nor take one that is still owed. Writer thread.
class body_counts {
 public:
  explicit body_counts(const database& db) : db_(db) {}

  void set(const log_position& at, std::uint32_t receivers);
  /// One receiver less. False if the count cannot be read: the body stays.
  bool release(const log_position& at);
  /// Puts what changed into the batch. Once, when the batch is complete.
  void finish(rocksdb::WriteBatch& batch);
  /// After the write of the batch: whether what is remembered holds.
  void written(bool ok);
  /// Between two batches, when bodies have changed without it.
  void forget() { written(false); }

 private:
  struct position_hash {
    std::size_t operator()(const log_position& at) const noexcept {
      return (at.offset + (std::uint64_t{number(at.shard)} << 48)) * 0x9E37'79B9'7F4A'7C15ULL;
    }
  };
  struct count {
    std::uint32_t left = 0;
    bool changed = false;
  };
  void change(const log_position& at, count& entry, std::uint32_t left);

  const database& db_;
  /// Recent counts, so that a fan-out does not read what it has just written.
  std::unordered_map<log_position, count, position_hash> recent_;
  std::vector<log_position> changed_;
};

}  // namespace troupe::storage
