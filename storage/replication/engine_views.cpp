// Long reads of the store's engine: backups, and exports and checksums of shards.

#include "storage/backup/backup_files.hpp"
#include "storage/store_engine.hpp"

#include <filesystem>
#include <shared_mutex>
#include <utility>

namespace troupe::storage {

std::string rocks_store::engine::backup(const backup_order& order, backup_info& info) {
  namespace fs = std::filesystem;
  if (options_.replicated != static_cast<bool>(order.copy_log))
    return "A backup of a node of a cluster is its store with its Raft log.";
  if (!is_backup_name(order.name)) return "A backup cannot be named " + order.name + ".";
  if (backing_up_.exchange(true)) return "Another backup is being made.";
  const std::shared_ptr<void> over(nullptr, [this](void*) { backing_up_ = false; });
  const auto path = order.directory + "/" + order.name;
  std::error_code error;
  if (fs::exists(path, error)) return "There is a backup " + path + " already.";
  fs::create_directories(order.directory, error);
  if (error) return "Cannot make the directory " + order.directory + ": " + error.message() + ".";
  // RocksDB makes the directory of the store: the log, which is older than the state that
  // was made of it, has to wait beside it.
  const auto log = order.directory + "/." + order.name + ".raft";
  fs::remove_all(log, error);
  auto wrong = order.copy_log ? order.copy_log(log) : std::string();
  if (wrong.empty()) wrong = db_->checkpoint(path);
  if (wrong.empty() && order.copy_log) {
    fs::rename(log, path + "/" + backup::raft_directory, error);
    if (error) wrong = "Cannot write " + path + ": " + error.message() + ".";
  }
  for (const auto& name : order.small_files) {
    if (!wrong.empty()) break;
    if (fs::exists(options_.directory + "/" + name, error))
      fs::copy_file(options_.directory + "/" + name, path + "/" + name, error);
    if (error) wrong = "Cannot write " + path + "/" + name + ": " + error.message() + ".";
  }
  if (wrong.empty()) wrong = backup::finish(path, info);
  if (!wrong.empty()) {
    fs::remove_all(path, error);
    fs::remove_all(log, error);
  }
  return wrong;
}

void rocks_store::engine::export_shard(shard_id shard, shard_replicas::exporting done) {
  read([this, shard, done = std::move(done)](bool run) {
    const auto refuse = [&done](std::string sentence) { done(nullptr, std::move(sentence)); };
    if (!run) return refuse("The store is closed or has too much to read.");
    if (number(shard) >= options_.shards) return refuse("The store has no such shard.");
    auto place = views_.take();
    if (!place) return refuse("Too many shards are being exported.");
    std::shared_ptr<shard_exporter> made;
    std::string error;
    {
      const std::shared_lock gate(db_->gate());
      if (!db_->is_open()) return refuse("The store is closed.");
      made =
          std::make_shared<shard_exporter>(*db_, number(shard), std::move(place),
                                           [this](read_queue::job job) { read(std::move(job)); });
      error = made->begin();
    }
    if (!error.empty()) return refuse(std::move(error));
    done(std::move(made), {});
  });
}

void rocks_store::engine::read_checksum(shard_id shard, std::function<void(shard_checksum)> done) {
  read([this, shard, done = std::move(done)](bool run) {
    shard_checksum failed;
    failed.failed = true;
    auto place = views_.take();
    if (!run || !place || number(shard) >= options_.shards) return done(failed);
    std::shared_ptr<shard_auditor> made;
    {
      const std::shared_lock gate(db_->gate());
      if (!db_->is_open()) return done(failed);
      made = std::make_shared<shard_auditor>(*db_, number(shard), std::move(place));
    }
    audit(std::move(made), done);
  });
}

void rocks_store::engine::audit(std::shared_ptr<shard_auditor> of,
                                std::function<void(shard_checksum)> done) {
  shard_checksum failed;
  failed.failed = true;
  bool complete = false;
  {
    const std::shared_lock gate(db_->gate());
    if (!db_->is_open()) return done(failed);
    complete = of->go_on();
  }
  if (complete) return done(of->result());
  // Others get their turn.
  read([this, of = std::move(of), done = std::move(done), failed](bool run) {
    if (!run) return done(failed);
    audit(of, done);
  });
}

}  // namespace troupe::storage
