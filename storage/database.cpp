#include "storage/database.hpp"

#include "storage/database_options.hpp"
#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"

#include <rocksdb/env.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace troupe::storage {
namespace {

constexpr std::array<std::string_view, family_count> family_names = {
    "default",       "log",  "log_refs", "queue",           "sessions",
    "subscriptions", "qos2", "retained", "retained_journal"};

std::string damaged(const std::string& directory, const std::string& detail) {
  return "The store in " + directory + " is damaged: " + detail +
         ". Nothing was deleted: restore the directory from a backup, or move it away to start "
         "with an empty store.";
}

std::string newer(const std::string& directory, const std::string& what) {
  return "The store in " + directory + " was written by a newer version of Troupe (" + what +
         "). Start that version, or name another data directory.";
}

std::string open_error(const std::string& directory, const rocksdb::Status& status) {
  const auto detail = status.ToString();
  if (status.IsIOError() &&
      (detail.find("lock") != std::string::npos || detail.find("LOCK") != std::string::npos)) {
    return "The data directory " + directory +
           " is in use by another process (it holds the file LOCK). Stop that process, or give "
           "this node a data directory of its own.";
  }
  if (status.IsCorruption() || status.IsInvalidArgument() || status.IsNotSupported()) {
    return damaged(directory, detail);
  }
  return "The store in " + directory + " cannot be opened: " + detail +
         ". Check that the directory exists, that this user may write there and that the disk "
         "has room.";
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::vector<rocksdb::ColumnFamilyDescriptor> describe_families(const store_options& options) {
  std::vector<rocksdb::ColumnFamilyDescriptor> all;
  const auto cache = make_block_cache(options);
  for (std::size_t i = 0; i < family_count; ++i)
    all.emplace_back(std::string(family_names[i]),
                     make_family_options(static_cast<family>(i), cache));
  return all;
}

/// RocksDB would make a new database over the remains of one whose CURRENT is gone.
std::string check_remains(rocksdb::Env& env, const std::string& directory, bool& exists) {
  if (env.FileExists(directory + "/" + restoring_directory).ok())
    return "The restore of the directory " + directory +
           " was interrupted. Delete all that is in it, and restore it again.";
  exists = env.FileExists(directory + "/CURRENT").ok();
  if (exists) return {};
  std::vector<std::string> files;
  if (!env.GetChildren(directory, &files).ok()) return {};
  for (const auto& file : files) {
    if (file.rfind("MANIFEST-", 0) == 0 || ends_with(file, ".sst")) {
      return damaged(directory, "the file CURRENT is missing beside " + file);
    }
  }
  return {};
}

std::string check_families(const rocksdb::DBOptions& options, const std::string& directory) {
  std::vector<std::string> found;
  const auto status = rocksdb::DB::ListColumnFamilies(options, directory, &found);
  if (!status.ok()) return open_error(directory, status);
  for (const auto& name : found) {
    if (std::find(family_names.begin(), family_names.end(), name) == family_names.end()) {
      return newer(directory, "unknown column family '" + name + "'");
    }
  }
  return {};
}

void sync_directory(rocksdb::Env& env, const std::string& path) {
  std::unique_ptr<rocksdb::Directory> directory;
  if (env.NewDirectory(path, &directory).ok() && directory) (void)directory->Fsync();
}

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

database::opened database::open(const store_options& options) {
  if (options.shards == 0) return {nullptr, "A store needs at least one shard."};
  std::unique_ptr<database> made(new database(options));
  if (auto error = made->open_files(); !error.empty()) return {nullptr, std::move(error)};
  return {std::move(made), {}};
}

database::opened database::open_copy(const std::string& directory) {
  store_options options;
  options.directory = directory;
  std::unique_ptr<database> made(new database(options));
  if (auto error = made->open_files_read_only(); !error.empty()) return {nullptr, std::move(error)};
  return {std::move(made), {}};
}

std::string database::open_files_read_only() {
  const auto& directory = options_.directory;
  auto db_options = make_database_options(options_, *rocksdb::Env::Default());
  db_options.create_if_missing = false;
  db_options.create_missing_column_families = false;
  if (auto error = check_families(db_options, directory); !error.empty()) return error;
  const auto descriptors = describe_families(options_);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  auto status = rocksdb::DB::OpenForReadOnly(db_options, directory, descriptors, &handles, &db_);
  if (!status.ok()) return open_error(directory, status);
  std::copy(handles.begin(), handles.end(), handles_.begin());
  status = db_->VerifyChecksum();
  return status.ok() ? std::string{} : damaged(directory, status.ToString());
}

std::string database::open_files() {
  auto& env = options_.env ? *options_.env : *rocksdb::Env::Default();
  const auto& directory = options_.directory;
  if (const auto made = env.CreateDirIfMissing(directory); !made.ok()) {
    return open_error(directory, made);
  }
  auto db_options = make_database_options(options_, env);
  bool exists = false;
  if (auto error = check_remains(env, directory, exists); !error.empty()) return error;
  if (exists) {
    if (auto error = check_families(db_options, directory); !error.empty()) return error;
  }
  const auto descriptors = describe_families(options_);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const auto status = rocksdb::DB::Open(db_options, directory, descriptors, &handles, &db_);
  if (!status.ok()) return open_error(directory, status);
  std::copy(handles.begin(), handles.end(), handles_.begin());
  if (!exists) {
    sync_directory(env, directory);
    sync_directory(env, parent_of(directory));
  }
  return check_directory_record();
}

std::string database::reopen() {
  const std::unique_lock lock(gate_);
  close();
  auto error = open_files();
  if (!error.empty()) close();
  return error;
}

std::string database::check_directory_record() {
  rocksdb::PinnableSlice value;
  const auto status = get(family::meta, meta::directory, value);
  if (status.IsNotFound()) {
    if (holds_data()) return damaged(options_.directory, "its directory record is missing");
    return write_directory_record();
  }
  if (!status.ok()) return open_error(options_.directory, status);
  const auto found = record::decode_directory(view(value));
  if (!found) return damaged(options_.directory, "its directory record cannot be read");
  if (found->version > record::newest_layout_version) {
    return newer(options_.directory, "layout " + std::to_string(found->version) +
                                         ", this program knows layout " +
                                         std::to_string(record::newest_layout_version));
  }
  if (found->version == record::replicated_layout_version && !options_.replicated) {
    return "The store in " + options_.directory +
           " belongs to a node of a cluster, but none is configured. Configure the cluster, or "
           "name another data directory.";
  }
  if (found->shards != options_.shards) {
    return "The store in " + options_.directory + " was made with " +
           std::to_string(found->shards) + " shards, but " + std::to_string(options_.shards) +
           " are configured. Set the number back to " + std::to_string(found->shards) +
           ", or name another data directory: the number is fixed when the directory is made.";
  }
  if (found->version == layout()) return {};
  if (options_.replicated) return become_replicated();
  // Before anything of this layout is written: an older program must refuse it.
  return write_directory_record();
}

/// Replicas begin equal: what only this node has, other replicas of a shard would never get.
std::string database::become_replicated() {
  using enum family;
  for (const auto which :
       {log, log_refs, queue, sessions, subscriptions, qos2, retained, retained_journal}) {
    if (!range(*this, which, {}, {}).valid()) continue;
    return "The store in " + options_.directory +
           " has the data of a single node, which the other nodes of a cluster would not get. Leave "
           "the cluster out of the configuration, or name another data directory.";
  }
  // Empty, but numbers may have been given.
  rocksdb::WriteBatch batch;
  for (const auto prefix :
       {meta::order_mark, meta::offset_mark, meta::session_mark, meta::erased_session}) {
    range keys(*this, family::meta, prefix, after_prefix(prefix));
    for (; keys.valid(); keys.next()) batch.Delete(handle(family::meta), slice(keys.key()));
  }
  std::string bytes;
  record::encode_directory(options_.shards, layout(), bytes);
  batch.Put(handle(family::meta), slice(meta::directory), bytes);
  rocksdb::WriteOptions write;
  write.sync = true;
  const auto written = db_->Write(write, &batch);
  return written.ok() ? std::string{} : open_error(options_.directory, written);
}

std::uint32_t database::layout() const noexcept {
  return options_.replicated ? record::replicated_layout_version : record::layout_version;
}

std::string database::write_directory_record() {
  std::string bytes;
  record::encode_directory(options_.shards, layout(), bytes);
  rocksdb::WriteOptions write;
  write.sync = true;
  const auto written = db_->Put(write, handle(family::meta), slice(meta::directory), bytes);
  return written.ok() ? std::string{} : open_error(options_.directory, written);
}

bool database::holds_data() const {
  for (std::size_t i = 0; i < family_count; ++i) {
    if (range(*this, static_cast<family>(i), {}, {}).valid()) return true;
  }
  return false;
}

database::~database() {
  close();
}

std::string database::checkpoint(const std::string& directory) const {
  const std::shared_lock lock(gate_);
  if (!is_open()) return "The store is closed.";
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(db_, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(directory);
  return status.ok() ? std::string()
                     : "The store cannot be copied to " + directory + ": " + status.ToString() + ".";
}

void database::flush() {
  for (auto* handle : handles_) (void)db_->Flush(rocksdb::FlushOptions(), handle);
}

void database::close() {
  if (!db_) return;
  {
    const std::lock_guard lock(snapshots_mutex_);
    for (auto* each : snapshots_) db_->ReleaseSnapshot(std::exchange(each->held_, nullptr));
    snapshots_.clear();
  }
  for (auto*& handle : handles_) {
    if (handle) (void)db_->DestroyColumnFamilyHandle(handle);
    handle = nullptr;
  }
  (void)db_->Close();
  delete db_;
  db_ = nullptr;
}

rocksdb::Status database::get(family which, std::string_view key,
                              rocksdb::PinnableSlice& value) const {
  value.Reset();
  return db_->Get(rocksdb::ReadOptions(), handle(which), slice(key), &value);
}

database::snapshot::snapshot(const database& of) : of_(of), held_(of.db().GetSnapshot()) {
  const std::lock_guard lock(of_.snapshots_mutex_);
  of_.snapshots_.insert(this);
}

database::snapshot::~snapshot() {
  const std::lock_guard lock(of_.snapshots_mutex_);
  if (!held_) return;
  of_.db().ReleaseSnapshot(held_);
  of_.snapshots_.erase(this);
}

const rocksdb::Snapshot* database::snapshot::get() const {
  const std::lock_guard lock(of_.snapshots_mutex_);
  return held_;
}

rocksdb::Status database::snapshot::get(family which, std::string_view key,
                                        rocksdb::PinnableSlice& value) const {
  value.Reset();
  rocksdb::ReadOptions options;
  options.snapshot = get();
  return of_.db().Get(options, of_.handle(which), slice(key), &value);
}

database::range::range(const database& from, family which, std::string_view lower,
                       std::string_view upper, const rocksdb::Snapshot* snapshot)
    : lower_(lower), upper_(upper), lower_slice_(lower_), upper_slice_(upper_) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  if (!lower_.empty()) options.iterate_lower_bound = &lower_slice_;
  if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
  iterator_.reset(from.db().NewIterator(options, from.handle(which)));
  if (lower.empty()) {
    iterator_->SeekToFirst();
  } else {
    iterator_->Seek(slice(lower));
  }
}

std::string after_prefix(std::string_view prefix) {
  std::string key(prefix);
  while (!key.empty()) {
    if (static_cast<unsigned char>(key.back()) != 0xFF) {
      key.back() = static_cast<char>(static_cast<unsigned char>(key.back()) + 1);
      return key;
    }
    key.pop_back();
  }
  return key;
}

}  // namespace troupe::storage
