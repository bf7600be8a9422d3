// Long reads of the store's engine: exports and checksums of shards.

#include "storage/store_engine.hpp"

#include <shared_mutex>
#include <utility>

namespace troupe::storage {

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
