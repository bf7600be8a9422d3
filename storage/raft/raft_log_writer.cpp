#include "storage/raft/raft_log_writer.hpp"

#include "storage/raft/raft_records.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <limits>
#include <pthread.h>
#include <sched.h>
#include <utility>

namespace troupe::storage {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t group_bytes = 4 * mebibyte;  // of one write, at most, but for one batch

rocksdb::Slice slice(std::string_view from) {
  return {from.data(), from.size()};
}
std::string_view view(const rocksdb::Slice& from) {
  return {from.data(), from.size()};
}

/// Written, erased soon, read at the next start only: small memtables, a small
/// cache, no filters.
rocksdb::Options make_options(const raft_log_options& from, rocksdb::Env& env) {
  rocksdb::Options options;
  options.env = &env;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  // What was torn off by a power cut was not answered; everything before it is kept.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.max_background_jobs = 2;
  options.max_open_files = 64;
  options.write_buffer_size = from.write_buffer_bytes;
  options.max_write_buffer_number = 2;
  options.arena_block_size = std::size_t{64} << 10;
  options.max_total_wal_size = 4 * from.write_buffer_bytes;
  options.wal_bytes_per_sync = mebibyte;
  options.bytes_per_sync = mebibyte;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.max_log_file_size = mebibyte;
  options.keep_log_file_num = 3;
  options.max_manifest_file_size = 16 * mebibyte;
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.enable_thread_tracking = false;
  options.level_compaction_dynamic_level_bytes = true;
  options.target_file_size_base = 16 * mebibyte;
  options.max_bytes_for_level_base = 64 * mebibyte;
  // Most of it is gone before it reaches a table.
  options.compression = rocksdb::kNoCompression;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(2 * mebibyte, 0);
  table.cache_index_and_filter_blocks = true;
  table.block_size = std::size_t{16} << 10;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::string damaged(const std::string& directory, const std::string& detail) {
  return "The Raft log in " + directory + " is damaged: " + detail +
         ". Nothing was deleted: move the node's data directory away and let the node join again "
         "as a new one, the other replicas have its data.";
}

std::string open_error(const std::string& directory, const rocksdb::Status& status) {
  const auto detail = status.ToString();
  if (status.IsIOError() &&
      (detail.find("lock") != std::string::npos || detail.find("LOCK") != std::string::npos)) {
    return "The Raft log " + directory +
           " is in use by another process (it holds the file LOCK). Stop that process, or give "
           "this node a data directory of its own.";
  }
  if (status.IsCorruption() || status.IsInvalidArgument() || status.IsNotSupported()) {
    return damaged(directory, detail);
  }
  return "The Raft log in " + directory + " cannot be opened: " + detail +
         ". Check that the directory exists, that this user may write there and that the disk "
         "has room.";
}

}  // namespace

rocks_raft_log::writer::~writer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (db_) (void)db_->Close();
}

std::string rocks_raft_log::writer::open() {
  auto& env = options_.env ? *options_.env : *rocksdb::Env::Default();
  if (options_.read_only) return open_read_only(env);
  if (const auto made = env.CreateDirIfMissing(options_.directory); !made.ok()) {
    return open_error(options_.directory, made);
  }
  if (!env.FileExists(options_.directory + "/CURRENT").ok()) {
    // RocksDB would make a new database over the remains of one.
    std::vector<std::string> files;
    if (env.GetChildren(options_.directory, &files).ok()) {
      for (const auto& file : files) {
        if (file.rfind("MANIFEST-", 0) == 0) {
          return damaged(options_.directory, "the file CURRENT is missing beside " + file);
        }
      }
    }
  }
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(make_options(options_, env), options_.directory, &db);
  if (!status.ok()) return open_error(options_.directory, status);
  db_.reset(db);
  return check_directory_record();
}

std::string rocks_raft_log::writer::open_read_only(rocksdb::Env& env) {
  auto options = make_options(options_, env);
  options.create_if_missing = false;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(options, options_.directory, &db);
  if (!status.ok()) return open_error(options_.directory, status);
  db_.reset(db);
  if (const auto whole = db_->VerifyChecksum(); !whole.ok())
    return damaged(options_.directory, whole.ToString());
  return check_directory_record();
}

std::string rocks_raft_log::writer::checkpoint(const std::string& directory) const {
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory);
  return status.ok()
             ? std::string()
             : "The Raft log cannot be copied to " + directory + ": " + status.ToString() + ".";
}

std::string rocks_raft_log::writer::check_directory_record() {
  const auto key = raft_record::key(raft_record::directory_group, raft_record::family::vote);
  std::string value;
  auto status = db_->Get(rocksdb::ReadOptions(), key, &value);
  if (status.ok()) {
    if (!value.empty() && static_cast<std::uint8_t>(value.front()) == raft_record::version) {
      return {};
    }
    return "The Raft log in " + options_.directory +
           " was written by a newer version of Troupe. Start that version, or name another data "
           "directory.";
  }
  if (!status.IsNotFound()) return open_error(options_.directory, status);
  if (!groups().empty() || options_.read_only)
    return damaged(options_.directory, "its directory record is missing");
  rocksdb::WriteOptions write;
  write.sync = true;
  status = db_->Put(write, key, std::string(1, static_cast<char>(raft_record::version)));
  return status.ok() ? std::string{} : open_error(options_.directory, status);
}

void rocks_raft_log::writer::start() {
  if (options_.threads && !options_.read_only) thread_ = std::thread([this] { run(); });
}

void rocks_raft_log::writer::give(raft_group_no group, raft_log_batch batch, written done) {
  backlog_.fetch_add(batch.size(), std::memory_order_relaxed);
  std::unique_lock lock(mutex_);
  waiting_.push_back({group, std::move(batch), std::move(done)});
  if (!asleep_) return;
  asleep_ = false;
  lock.unlock();
  wake_.notify_one();
}

void rocks_raft_log::writer::run() {
  // It shall not interrupt the run loop at the first batch, but take those of its turn as one.
  const sched_param none{};
  (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  std::vector<pending> taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      while (waiting_.empty() && !closing_) {
        asleep_ = true;
        wake_.wait(lock, [this] { return !asleep_ || closing_; });
        asleep_ = false;
      }
      if (waiting_.empty()) return;
      taken.swap(waiting_);
    }
    for (std::size_t at = 0; at < taken.size();) at = write_group(taken, at);
    taken.clear();
  }
}

std::size_t rocks_raft_log::writer::pump() {
  std::vector<pending> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(waiting_);
  }
  for (std::size_t at = 0; at < taken.size();) at = write_group(taken, at);
  return taken.size();
}

std::size_t rocks_raft_log::writer::write_group(std::vector<pending>& from, std::size_t first) {
  auto end = first;
  std::uint64_t bytes = 0;
  do {
    bytes += from[end].batch.size();
    if (!failed_) add(from[end].group, from[end].batch);
    ++end;
  } while (end < from.size() && batch_.GetDataSize() < group_bytes);
  if (!failed_) {
    rocksdb::WriteOptions options;
    options.sync = options_.durability == durability::fsync;
    const auto status = db_->Write(options, &batch_);
    if (!status.ok()) {
      // Which of the batches reached the disk is not known: only reading it again tells.
      error_ = "The Raft log in " + options_.directory +
               " cannot be written: " + status.ToString() + ".";
      failed_ = true;
      if (options_.report) options_.report(error_);
    }
    writes_.fetch_add(1, std::memory_order_relaxed);
  }
  batch_.Clear();
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  backlog_.fetch_sub(bytes, std::memory_order_relaxed);
  batches_.fetch_add(end - first, std::memory_order_relaxed);
  for (auto at = first; at < end; ++at) {
    if (from[at].done) from[at].done(error_);
    from[at] = {};
  }
  return end;
}

void rocks_raft_log::writer::add(raft_group_no group, const raft_log_batch& from) {
  using kind = raft_log_batch::kind;
  using raft_record::family;
  for (const auto& operation : from.operations()) {
    switch (operation.what) {
      case kind::put_vote:
        batch_.Put(raft_record::key(group, family::vote), slice(from.record(operation)));
        break;
      case kind::put_snapshot:
        batch_.Put(raft_record::key(group, family::snapshot), slice(from.record(operation)));
        break;
      case kind::put_entry:
        batch_.Put(raft_record::entry_key(group, operation.first), slice(from.record(operation)));
        break;
      case kind::erase_entries: {
        const auto to = operation.last == std::numeric_limits<std::uint64_t>::max()
                            ? raft_record::end_key(group, family::entry)
                            : raft_record::entry_key(group, operation.last + 1);
        batch_.DeleteRange(raft_record::entry_key(group, operation.first), to);
        break;
      }
      case kind::erase_group:
        batch_.DeleteRange(raft_record::key(group, family::vote),
                           raft_record::end_key(group, family::entry));
        break;
    }
  }
}

raft_log::loaded rocks_raft_log::writer::load(raft_group_no group) const {
  using raft_record::family;
  loaded out;
  const auto fail = [&](const std::string& what) {
    out.error = damaged(options_.directory, what + " of group " + std::to_string(group));
    return out;
  };
  std::string value;
  auto status = db_->Get(rocksdb::ReadOptions(), raft_record::key(group, family::vote), &value);
  if (status.ok()) {
    const auto vote = raft_record::decode_vote(value);
    if (!vote) return fail("the vote");
    out.content.term = vote->term;
    out.content.voted_for = vote->voted_for;
  } else if (!status.IsNotFound()) {
    return fail(status.ToString() + " at the vote");
  }
  status = db_->Get(rocksdb::ReadOptions(), raft_record::key(group, family::snapshot), &value);
  if (status.ok()) {
    out.content.snapshot = raft_record::decode_snapshot(value);
    if (!out.content.snapshot) return fail("the snapshot record");
  } else if (!status.IsNotFound()) {
    return fail(status.ToString() + " at the snapshot record");
  }
  if (const auto error = read_entries(group, out.content); !error.empty()) return fail(error);
  return out;
}

std::string rocks_raft_log::writer::read_entries(raft_group_no group,
                                                 raft_log_content& into) const {
  const auto end = raft_record::end_key(group, raft_record::family::entry);
  const rocksdb::Slice end_slice(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &end_slice;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
  const auto covered = into.snapshot ? into.snapshot->index : 0;
  into.first = covered + 1;
  for (at->Seek(raft_record::entry_key(group, 0)); at->Valid(); at->Next()) {
    const auto index = raft_record::index_of(view(at->key()));
    auto entry = raft_record::decode_entry(view(at->value()));
    if (!index || !entry) return "an entry";
    if (into.entries.empty()) {
      if (*index > covered + 1)
        return "the beginning (entries " + std::to_string(covered + 1) + " to " +
               std::to_string(*index - 1) + " are missing)";
      into.first = *index;
    } else if (*index != into.first + into.entries.size()) {
      return "an entry (" + std::to_string(into.first + into.entries.size()) + " is missing)";
    }
    into.entries.push_back(std::move(*entry));
  }
  if (!at->status().ok()) return at->status().ToString();
  if (!into.entries.empty() && into.first + into.entries.size() <= covered) {
    // The log ends before the snapshot: it says nothing more.
    into.entries.clear();
    into.first = covered + 1;
  }
  return {};
}

std::vector<raft_group_no> rocks_raft_log::writer::groups() const {
  std::vector<raft_group_no> found;
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(rocksdb::ReadOptions()));
  at->SeekToFirst();
  while (at->Valid()) {
    const auto key = view(at->key());
    if (key.size() < 5) break;
    raft_group_no group = 0;
    for (int i = 0; i < 4; ++i) group = group << 8 | static_cast<unsigned char>(key[i]);
    if (group == raft_record::directory_group) break;
    found.push_back(group);
    at->Seek(raft_record::end_key(group, raft_record::family::entry));
  }
  return found;
}

rocks_raft_log::figures rocks_raft_log::writer::current() const {
  return {batches_, writes_, bytes_, backlog_, failed_};
}

}  // namespace troupe::storage
