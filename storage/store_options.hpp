#pragma once

#include "protocol/mqtt/session_id.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace rocksdb {
class Env;
}

namespace troupe::storage {

/// When a commit counts as done.
enum class durability : std::uint8_t {
  process,  // written to the system: survives the death of the process
  fsync,    // on the disk: survives a power cut
};

struct store_options {
  std::string directory;  // made if it is missing; its parent must exist
  /// Fixed when the directory is made; another number is refused later.
  std::uint16_t shards = 64;
  /// The shards are replicated: transactions are entries of the logs of their shards, everything
  /// else is refused. A directory that was written so is refused without.
  bool replicated = false;
  storage::durability durability = durability::process;
  std::uint64_t cache_bytes = 32U << 20;
  /// Bytes given to commit() and not yet written, beyond which it refuses.
  std::uint64_t backlog_limit = 256U << 20;
  /// Retained messages are kept in memory while they all fit into so many bytes.
  std::uint64_t retained_memory = 64U << 20;
  /// Bytes of changes of retained messages that wait to be written to their table.
  std::uint64_t retained_journal = 16U << 20;
  std::uint32_t readers = 2;  // threads
  /// False: nothing runs by itself, rocks_store::pump() does (for tests).
  bool threads = true;
  /// Not owned; null: the file system.
  rocksdb::Env* env = nullptr;
  /// Shard of a topic, for reading one retained message; null: all are asked.
  std::function<shard_id(std::string_view topic)> shard_of;
  /// Told sentences about trouble that has no caller (damaged record, disk
  /// error, healed). Any thread of the store; may be null.
  std::function<void(std::string_view sentence)> report;
};

}  // namespace troupe::storage
