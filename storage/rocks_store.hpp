#pragma once

#include "storage/backup/backup.hpp"
#include "storage/figures/store_sizes.hpp"
#include "storage/replication/shard_replicas.hpp"
#include "storage/store.hpp"
#include "storage/store_options.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::storage {

enum class shard_task : std::uint8_t;

/// The store of a node in RocksDB: one writer thread that merges the
/// transactions which wait into one write (group commit), and a few readers.
/// A read waits until the transactions given before it are written, without
/// holding up other reads. See storage/README.md.
class rocks_store final : public store, public shard_replicas {
 public:
  struct opened;
  /// Blocks. Refuses with a sentence (see database::open).
  static opened open(store_options options);

  ~rocks_store() override;  // as close()

  void commit(transaction writes, committed done) override;
  void read_owed(session_id id, order_no after, std::uint32_t max_count, std::uint64_t max_bytes,
                 std::function<void(owed_page)> done) override;
  void read_contents(session_id id, std::function<void(session_contents)> done) override;
  void read_contents(session_id id, order_no through,
                     std::function<void(session_contents)> done) override;
  void read_one(session_id id, order_no order,
                std::function<void(std::optional<owed_message>)> done) override;
  void read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                     std::int64_t now_ms, std::function<void(retained_page)> done) override;

  /// These two throw std::runtime_error with a sentence if a record cannot be read.
  void each_session(shard_id shard, const std::function<void(session_record)>& visit) override;
  void each_subscription(
      shard_id shard, const std::function<void(session_id, subscription_record)>& visit) override;
  std::uint64_t next_offset(shard_id shard) override;
  std::uint64_t next_session_count(shard_id shard) override;
  std::uint16_t shards() const override;
  figures current() const override;
  std::uint64_t backlog_bytes() const noexcept override;
  void close() override;

  /// Makes a backup: all that was answered before is in it. One at a time. `done` is called on a
  /// thread of the store, and runs while that reads nothing else. Any thread.
  void backup(backup_order order, std::function<void(backup_info)> done);

  /// What it takes on disk. `done` as above.
  void measure(std::function<void(store_sizes)> done);

  // --- shard_replicas, if store_options::replicated ---
  shard_marks marks(shard_id shard) const override;
  void read_directory(shard_id shard, std::string cursor, std::uint32_t max_count,
                      std::function<void(directory_page)> done) override;
  void export_shard(shard_id shard, exporting done) override;
  void import_chunk(shard_id shard, std::string bytes, committed done) override;
  void drop_shard(shard_id shard, committed done) override;
  void read_checksum(shard_id shard, std::function<void(shard_checksum)> done) override;

  /// Without threads: runs what waits, with its callbacks, on the calling
  /// thread. Returns how many transactions, reads and pieces of background
  /// work it has done; 0 when nothing is left.
  std::size_t pump();

 private:
  class engine;
  void run_task(shard_id shard, shard_task task, std::string bytes, committed done);
  explicit rocks_store(std::unique_ptr<engine> running);
  std::unique_ptr<engine> engine_;
};

struct rocks_store::opened {
  std::unique_ptr<rocks_store> store;  // null: see error
  std::string error;                   // a sentence
};

/// Opens or makes the store of a data directory. Blocks.
rocks_store::opened open_store(store_options options);

}  // namespace troupe::storage
