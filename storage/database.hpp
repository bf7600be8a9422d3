#pragma once

#include "storage/store_options.hpp"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <array>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// Column families. `meta` is RocksDB's "default".
enum class family : std::uint8_t {
  meta,           // directory record, high-water marks, erased sessions
  log,            // bodies: shard, offset
  log_refs,       // bodies with several receivers: how many are left
  queue,          // runs of owed messages: session, order of the first; how far they are settled
  sessions,       // session
  subscriptions,  // session, filter
  qos2,           // session, direction, packet id
  retained,       // shard, topic
  retained_journal,  // number: changes that are not in `retained` yet
};
inline constexpr std::size_t family_count = 9;

/// In a data directory: where it is made of backups. While it is there no store opens.
inline constexpr const char* restoring_directory = "restoring";

inline rocksdb::Slice slice(std::string_view from) noexcept {
  return {from.data(), from.size()};
}
inline std::string_view view(const rocksdb::Slice& from) noexcept {
  return {from.data(), from.size()};
}

/// An open RocksDB with its column families. Thread-safe as RocksDB is.
class database {
 public:
  struct opened;

  /// Opens or makes the database of a data directory. Blocks. Refuses, with a
  /// sentence that names the directory and the way out: a directory in use,
  /// damaged, of another number of shards, or written by a newer version.
  static opened open(const store_options& options);

  /// Opens what is in a directory for reading, having read every block of it. Blocks. It may have
  /// any layout and number of shards.
  static opened open_copy(const std::string& directory);

  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  rocksdb::DB& db() const noexcept { return *db_; }
  rocksdb::ColumnFamilyHandle* handle(family which) const noexcept {
    return handles_[static_cast<std::size_t>(which)];
  }
  rocksdb::Status get(family which, std::string_view key, rocksdb::PinnableSlice& value) const;
  /// Keys in [lower, upper) of a column family.
  class range;
  class snapshot;
  bool is_open() const noexcept { return db_ != nullptr; }
  /// Whoever reads on another thread than the one that closes and reopens
  /// holds it shared while he does, and looks whether it is open.
  std::shared_mutex& gate() const noexcept { return gate_; }
  /// Closes and opens again, for errors after which RocksDB takes no more
  /// writes; a sentence if it fails, then it is closed. Holds the gate.
  std::string reopen();
  /// A copy as it is now, in a directory that is not there yet; a sentence if that fails. Blocks,
  /// and holds the gate.
  std::string checkpoint(const std::string& directory) const;
  /// Writes what is in memory to tables, so that the next start has no log to replay.
  void flush();
  void close();

 private:
  explicit database(const store_options& options) : options_(options) {}
  std::string open_files();
  std::string open_files_read_only();
  std::string check_directory_record();
  std::string write_directory_record();
  std::string become_replicated();
  std::uint32_t layout() const noexcept;
  bool holds_data() const;

  const store_options options_;
  mutable std::shared_mutex gate_;
  mutable std::mutex snapshots_mutex_;
  mutable std::set<snapshot*> snapshots_;  // that are held
  rocksdb::DB* db_ = nullptr;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> handles_{};
};

struct database::opened {
  std::unique_ptr<database> value;  // null: see error
  std::string error;
};

/// The database as it was when this was made, for as long as it lives or until the database is
/// closed. Any thread. Must not outlive the database.
class database::snapshot {
 public:
  /// Whoever makes it holds the gate and has seen that the database is open.
  explicit snapshot(const database& of);
  ~snapshot();
  snapshot(const snapshot&) = delete;
  snapshot& operator=(const snapshot&) = delete;

  /// For whoever holds the gate. Null: the database was closed meanwhile, maybe opened again.
  const rocksdb::Snapshot* get() const;
  rocksdb::Status get(family which, std::string_view key, rocksdb::PinnableSlice& value) const;

 private:
  friend class database;
  const database& of_;
  const rocksdb::Snapshot* held_;
};

/// Iterator over the keys in [lower, upper), at the first one when made. Sees
/// the database as it was then (or as of `snapshot`).
class database::range {
 public:
  range(const database& from, family which, std::string_view lower, std::string_view upper,
        const rocksdb::Snapshot* snapshot = nullptr);
  range(const range&) = delete;
  range& operator=(const range&) = delete;

  bool valid() const { return iterator_->Valid(); }
  void next() { iterator_->Next(); }
  void seek(std::string_view key) { iterator_->Seek(slice(key)); }
  /// To the last key at or before `key`.
  void seek_back(std::string_view key) { iterator_->SeekForPrev(slice(key)); }
  void previous() { iterator_->Prev(); }
  std::string_view key() const { return view(iterator_->key()); }
  std::string_view value() const { return view(iterator_->value()); }
  rocksdb::Status status() const { return iterator_->status(); }

 private:
  std::string lower_;
  std::string upper_;
  rocksdb::Slice lower_slice_;
  rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

/// The key after all keys that begin with `prefix`; empty if there is none.
std::string after_prefix(std::string_view prefix);

}  // namespace troupe::storage
