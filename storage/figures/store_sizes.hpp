#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::storage {

class database;

/// What one column family takes.
struct family_size {
  std::string name;
  std::uint64_t table_bytes = 0;  // on disk
  std::uint64_t keys = 0;         // estimate
  std::uint64_t memory_bytes = 0;  // not in a table yet: on disk in the write-ahead log
  std::uint64_t compaction_bytes = 0;  // waiting to be compacted, estimate
};

/// What a store takes, as RocksDB says: about right where there is much, by blocks where there
/// is little.
struct store_sizes {
  std::string error;  // a sentence if there is nothing else
  std::vector<family_size> families;
  std::uint64_t log_bytes = 0;        // write-ahead log
  std::vector<std::uint64_t> shards;  // bytes of each, in tables and memory
};

/// May read indexes from the disk: on a thread that may wait for it. Takes the gate.
store_sizes sizes_of(const database& db, std::uint16_t shards);

}  // namespace troupe::storage
