#pragma once

#include "storage/raft/rocks_raft_log.hpp"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace troupe::storage {

/// The queue, the thread and the database of a Raft log.
///
///   open --> running --a write fails--> refusing
///               \____________close________/
class rocks_raft_log::writer {
 public:
  explicit writer(raft_log_options options) : options_(std::move(options)) {}
  ~writer();

  /// A sentence if the directory cannot be used.
  std::string open();
  void start();
  void give(raft_group_no group, raft_log_batch batch, written done);
  std::size_t pump();
  loaded load(raft_group_no group) const;
  std::string checkpoint(const std::string& directory) const;
  std::vector<raft_group_no> groups() const;
  figures current() const;

 private:
  struct pending {
    raft_group_no group;
    raft_log_batch batch;
    written done;
  };

  void run();
  /// Writes and answers a part of `from` that begins at `first`; where the rest begins.
  std::size_t write_group(std::vector<pending>& from, std::size_t first);
  void add(raft_group_no group, const raft_log_batch& from);
  std::string open_read_only(rocksdb::Env& env);
  std::string check_directory_record();
  std::string read_entries(raft_group_no group, raft_log_content& into) const;

  const raft_log_options options_;
  std::unique_ptr<rocksdb::DB> db_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<pending> waiting_;
  bool closing_ = false;
  bool asleep_ = false;

  // Writer thread.
  rocksdb::WriteBatch batch_;
  std::string error_;

  std::atomic<std::uint64_t> batches_{0};
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> backlog_{0};
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

}  // namespace troupe::storage
