#pragma once

#include "storage/replication/shard_chunk.hpp"
#include "storage/replication/shard_replicas.hpp"
#include "storage/replication/shard_view.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace troupe::storage {

/// How many views of shards are open, of exports and checksums. Thread-safe.
class open_views {
 public:
  static constexpr std::uint32_t limit = 64;

  /// Held as long as one is open; null: there are too many.
  std::shared_ptr<void> take() {
    if (count_.fetch_add(1) < limit) return {this, [this](void*) { count_.fetch_sub(1); }};
    count_.fetch_sub(1);
    return nullptr;
  }

 private:
  std::atomic<std::uint32_t> count_{0};
};

/// An export: reads a chunk at a time, on a reader of the store.
class shard_exporter final : public shard_export,
                             public std::enable_shared_from_this<shard_exporter> {
 public:
  using job = std::function<void(bool run)>;

  /// `read` gives a job to a reader. The database is open and its gate held.
  shard_exporter(const database& db, std::uint16_t shard, std::shared_ptr<void> place,
                 std::function<void(job)> read);

  /// Once, with the gate held. A sentence if the shard cannot be exported.
  std::string begin() { return view_.begin(); }

  const shard_marks& marks() const noexcept override { return view_.state().marks; }
  void next(std::function<void(shard_chunk)> done) override;

 private:
  shard_chunk read_chunk();

  const database& db_;
  const std::shared_ptr<void> place_;
  const std::function<void(job)> read_;
  std::mutex mutex_;
  shard_view view_;
  chunk::chain chain_;
  std::string error_;
  bool ended_ = false;
};

}  // namespace troupe::storage
