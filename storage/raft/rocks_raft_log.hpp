#pragma once

#include "storage/raft/raft_log.hpp"
#include "storage/store_options.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

struct raft_log_options {
  std::string directory;  // made if it is missing; its parent must exist
  storage::durability durability = durability::process;
  /// Memory for what is not yet in a table; twice as much while one is written.
  std::uint64_t write_buffer_bytes = std::uint64_t{16} << 20;
  /// False: nothing is written but by pump() (for tests).
  bool threads = true;
  /// Nothing is written, not even what opening writes: for the copy in a backup.
  bool read_only = false;
  rocksdb::Env* env = nullptr;  // not owned; null: the file system
  /// Told sentences about trouble; the log's thread; may be null.
  std::function<void(std::string_view sentence)> report;
};

/// The Raft log of a node in a RocksDB of its own. One thread writes, what waits
/// of all groups as one RocksDB batch (group commit). It is read only by load().
/// After a write has failed none is taken until the log is closed and opened again.
///
/// write() and the figures may be called by any thread. Bound what you give: a group
/// does by the bytes that it has under way.
class rocks_raft_log final : public raft_log {
 public:
  struct opened;
  struct figures {
    std::uint64_t batches = 0;  // of groups, written
    std::uint64_t writes = 0;   // of RocksDB; in mode fsync so many syncs
    std::uint64_t bytes = 0;    // given
    std::uint64_t backlog = 0;  // bytes given and not yet written
    bool failed = false;
  };

  /// Blocks. Refuses, with a sentence that names the directory and the way out: a
  /// directory in use, damaged, or written by a newer version.
  static opened open(raft_log_options options);

  /// Writes what waits, then closes.
  ~rocks_raft_log() override;
  rocks_raft_log(const rocks_raft_log&) = delete;
  rocks_raft_log& operator=(const rocks_raft_log&) = delete;

  void write(raft_group_no group, raft_log_batch batch, written done) override;
  loaded load(raft_group_no group) override;

  /// A copy as it is now, in a directory that is not there yet; a sentence if that fails. Blocks.
  /// Any thread.
  std::string checkpoint(const std::string& directory) const;
  /// The groups that have anything here. Blocks: for the start.
  std::vector<raft_group_no> groups() const;
  figures current() const;
  /// Without threads: writes what waits as one batch and calls back. How many
  /// batches of groups it was.
  std::size_t pump();

 private:
  class writer;
  explicit rocks_raft_log(std::unique_ptr<writer> with);
  std::unique_ptr<writer> writer_;
};

struct rocks_raft_log::opened {
  std::unique_ptr<rocks_raft_log> value;  // null: see error
  std::string error;
};

}  // namespace troupe::storage
