#pragma once

#include "storage/database.hpp"

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::storage {

/// Counters that must never give a number twice: the order of owed entries,
/// the offsets of each shard's log and the session counts of each shard. What is on disk
/// runs ahead of what was given, in blocks, so that most commits write no
/// counter and a start reads a few records instead of scanning. Writer thread.
class high_water_marks {
 public:
  explicit high_water_marks(std::uint16_t shards);

  /// Reads what was reserved; a sentence if that fails.
  std::string load(const database& from);

  /// The first of the next `count` order numbers. `batch` gets the reservation if one is due.
  std::uint64_t take_orders(std::uint64_t count, const database& db, rocksdb::WriteBatch& batch);
  void saw_offset(std::uint16_t shard, std::uint64_t offset, const database& db,
                  rocksdb::WriteBatch& batch);
  void saw_session(session_id id, const database& db, rocksdb::WriteBatch& batch);

  std::uint64_t last_order() const noexcept { return order_.next - 1; }
  std::uint64_t next_offset(std::uint16_t shard) const { return offsets_.at(shard).next; }
  std::uint64_t next_session_count(std::uint16_t shard) const { return sessions_.at(shard).next; }

  /// The batch with reservations was not written: reserve again at the next use.
  void forget_reservations() noexcept;
  /// Before a clean close: exactly what was used, so that no number is skipped.
  void save_exact(const database& db, rocksdb::WriteBatch& batch) const;

 private:
  struct mark {
    std::uint64_t next = 1;      // first number never used
    std::uint64_t reserved = 0;  // numbers below are reserved on disk
  };
  std::string load_one(const database& from, std::string_view key, mark& into);
  static void put(const database& db, rocksdb::WriteBatch& batch, std::string_view key,
                  std::uint64_t value);

  mark order_;
  std::vector<mark> offsets_;
  std::vector<mark> sessions_;
};

}  // namespace troupe::storage
