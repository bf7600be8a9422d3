#pragma once

#include "storage/store.hpp"

#include <cstdint>

namespace troupe::storage {

/// How far the log of a shard is applied, and what is free after that. The same on every replica
/// that has applied the same entries.
struct shard_marks {
  /// Index and term of a shard that was made of backups, and whose log begins behind that.
  static constexpr std::uint64_t restored = 1;

  std::uint64_t index = 0;  // of the last entry, 0: none
  std::uint64_t term = 0;
  /// For whoever proposes next and has applied all that was proposed before.
  order_no next_order = 1;
  std::uint64_t next_offset = 1;         // in the log of bodies
  std::uint64_t next_session_count = 1;  // no session of the shard ever had it or a later one
  /// An import has begun and has not come to its end, or the process died within one: the shard
  /// is empty, index is 0, and entries are refused until it is imported or dropped.
  bool incomplete = false;

  bool operator==(const shard_marks&) const = default;
};

}  // namespace troupe::storage
