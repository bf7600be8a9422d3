#pragma once

#include "storage/commit_queue.hpp"
#include "storage/database.hpp"
#include "storage/read_queue.hpp"
#include "storage/replication/shard_auditor.hpp"
#include "storage/replication/shard_exporter.hpp"
#include "storage/rocks_store.hpp"
#include "storage/store_reader.hpp"
#include "storage/store_writer.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace troupe::storage {

/// Queues and threads around one writer and the readers.
///
///   running --write fails--> refusing --heal() succeeds--> running
///      \________________close()_____________________________/--> closed
///
/// While refusing, transactions are answered with the disk's error and reads go on.
class rocks_store::engine {
 public:
  engine(store_options options, std::unique_ptr<database> db);
  ~engine();

  /// A sentence if what was stored cannot be read.
  std::string start();
  void commit(write_operations operations, committed done);
  void read(read_queue::job job);
  void expire(const std::vector<retained_answer::topic_of_shard>& topics,
              std::int64_t now_ms);
  std::size_t pump();
  void close();

  const store_reader& reader() const noexcept { return reader_; }
  figures current() const;
  std::uint64_t backlog_bytes() const noexcept { return commits_.backlog(); }
  std::uint16_t shards() const noexcept { return options_.shards; }
  bool replicated() const noexcept { return options_.replicated; }

  /// A sentence if it fails. On a reader's thread.
  std::string backup(const backup_order& order, backup_info& info);
  store_sizes measure() const { return sizes_of(*db_, options_.shards); }
  void export_shard(shard_id shard, shard_replicas::exporting done);
  void read_checksum(shard_id shard, std::function<void(shard_checksum)> done);
  /// Of the start: what was free before this process wrote anything.
  std::uint64_t first_offset(shard_id shard) const;
  std::uint64_t first_session_count(shard_id shard) const;

 private:
  void run_writer();
  void run_reader();
  /// Answers and clears `batch`.
  void write_all(std::vector<pending_commit>& batch);
  std::size_t write_group(std::vector<pending_commit>& batch, std::size_t from);
  void answer_group(std::vector<pending_commit>& batch, std::size_t from, std::size_t to,
                    const std::string& error);
  bool background_pending(bool idle) const;
  bool background_due(bool idle) const;
  bool background(std::size_t slice, bool idle);
  /// Of a replicated store: what it is answered with if it is not even queued.
  std::string misplaced(const write_operations& operations) const;
  /// Whether the group ends before it, and is answered first.
  bool ends_group(const pending_commit& pending) const;
  void make_room(const pending_commit& pending);
  order_no apply_entry(pending_commit& pending);
  void run_task(pending_commit& pending);
  void audit(std::shared_ptr<shard_auditor> of, std::function<void(shard_checksum)> done);
  void fail(const std::string& error);
  bool heal();
  void report(std::string_view sentence) const;

  store_options options_;
  std::unique_ptr<database> db_;
  open_views views_;
  store_writer writer_;
  store_reader reader_;
  commit_queue commits_;
  read_queue reads_;
  std::vector<std::uint64_t> first_offsets_;
  std::vector<std::uint64_t> first_session_counts_;

  // Writer thread.
  std::vector<order_no> first_orders_;
  std::uint64_t written_ = 0;
  std::string disk_error_;
  std::chrono::steady_clock::time_point retry_at_{};
  std::chrono::steady_clock::time_point sweep_at_{};

  std::atomic<bool> writable_{true};
  std::atomic<bool> backing_up_{false};
  std::atomic<std::uint64_t> commits_done_{0};
  std::atomic<std::uint64_t> groups_done_{0};
  std::thread writer_thread_;
  std::vector<std::thread> reader_threads_;
  std::once_flag closed_;
  bool started_ = false;  // false: nothing may be written, not even at close
};

}  // namespace troupe::storage
