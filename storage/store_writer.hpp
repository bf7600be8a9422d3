#pragma once

#include "storage/database.hpp"
#include "storage/records/body_counts.hpp"
#include "storage/records/erased_sessions.hpp"
#include "storage/records/high_water_marks.hpp"
#include "storage/records/run_ledger.hpp"
#include "storage/replication/gone_sessions.hpp"
#include "storage/replication/shard_chunk.hpp"
#include "storage/replication/shard_states.hpp"
#include "storage/retained/retained_writer.hpp"
#include "storage/store.hpp"
#include "storage/write_operations.hpp"

#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::storage {

/// Turns transactions into one RocksDB batch and writes it. Confined to one
/// thread, the store's writer; last_order() and figures may be asked by any.
///
///   apply() apply() ... write()      a group of transactions
///   sweep()                          a slice of cleaning up after erased sessions
///   heal()                           after a failed write, until it returns true
class store_writer {
 public:
  store_writer(const database& db, const store_options& options);

  /// Reads counters and unfinished work. Blocks; a sentence if it fails.
  std::string load();

  /// Adds a transaction to the batch; the order number of its first message.
  order_no apply(const write_operations& from);
  /// As apply(), of an entry of a shard's log in a replicated store. `refused` gets a sentence if
  /// it cannot be: then it counts as applied if that is all replicas' answer.
  order_no apply_entry(const write_operations& from, std::string& refused);
  /// Writes the batch and starts a new one. A sentence if it fails; then
  /// nothing of the batch was written.
  std::string write(bool sync);
  std::size_t batch_bytes() const { return batch_.GetDataSize() + retained_.pending_bytes(); }

  /// Empties a shard or imports a chunk of one, in a write of its own. A sentence if the disk
  /// fails; `refused` gets one if it cannot be.
  std::string run_task(const write_operations& from, bool sync, std::string& refused);

  bool sweep_pending() const noexcept { return erased_.sweep_pending(); }
  /// No entry of the shard may be applied before more is swept.
  bool must_sweep(std::uint16_t shard) const { return replicated_ && gone_.crowded(shard); }
  /// Deletes up to `limit` records of an erased session, in a write of its
  /// own. False if the disk refuses: try again later.
  bool sweep(std::size_t limit);

  /// Tries to make RocksDB take writes again; false: reopen the database.
  bool heal();
  /// After the database was reopened: a write that failed may still have
  /// reached the disk. A sentence if it cannot be read.
  std::string reload();
  /// Before a clean close.
  void save_marks();

  /// What was owed before this process is at or below it.
  order_no order_at_open() const noexcept { return order_at_open_; }
  bool replicated() const noexcept { return replicated_; }
  shard_states& states() noexcept { return states_; }
  const shard_states& states() const noexcept { return states_; }
  const high_water_marks& marks() const noexcept { return marks_; }
  /// Every entry owed to this session up to here is visible to a reader that starts now.
  order_no last_order(session_id id) const {
    if (replicated_) return states_.published(number(id.shard())).next_order - 1;
    return last_order_.load(std::memory_order_acquire);
  }
  /// For figures, and for work between groups.
  retained_writer& retained() noexcept { return retained_; }
  const retained_writer& retained() const noexcept { return retained_; }

 private:
  void apply_list(const write_operations& from);
  void apply_runs(const write_operations& from, order_no first);
  std::string load_erased();
  std::string load_shards();
  std::string empty_incomplete();
  void erase_all(std::uint16_t shard);
  std::string empty_shard(std::uint16_t shard, bool incomplete, bool sync);
  std::string import_chunk(std::uint16_t shard, std::string_view bytes, bool sync,
                           std::string& refused);
  std::string write_replaced(std::uint16_t shard, bool sync);
  void apply_one(const write_operation& operation, std::string_view name, std::string_view value);
  void append(const write_operation& operation, std::string_view value);
  void owe(const owed_run& run, order_no first, const write_operations& from);
  void settle(const write_operation& operation);
  void erase_session(session_id id);
  void release(const log_position& body, session::body_place where);
  /// How many bodies were released.
  std::size_t release_unsettled(std::string_view run, const settled_items& settled);
  rocksdb::Status sweep_queue(session_id id, std::size_t& left);
  rocksdb::Status sweep_rest(session_id id, family which, std::size_t& left);
  void put(family which, std::string_view key, std::string_view value) {
    batch_.Put(db_.handle(which), slice(key), slice(value));
  }
  void erase(family which, std::string_view key) { batch_.Delete(db_.handle(which), slice(key)); }
  /// For keys that are written once and never again, as runs and bodies are: the
  /// two cancel out as soon as they meet, mostly before either becomes a table.
  void erase_single(family which, std::string_view key) {
    batch_.SingleDelete(db_.handle(which), slice(key));
  }
  void reset_batch(bool ok);

  const database& db_;
  std::function<void(std::string_view)> report_;
  rocksdb::WriteBatch batch_;
  high_water_marks marks_;
  body_counts counts_;
  run_ledger runs_;
  erased_sessions erased_;
  const bool replicated_;
  shard_states states_;
  gone_sessions gone_;
  /// Of a shard that is being imported.
  struct import_state {
    chunk::chain chain;
    shard_states::state state;  // as it will be
  };
  std::unordered_map<std::uint16_t, import_state> imports_;
  retained_writer retained_;
  std::vector<rocksdb::Slice> parts_;  // of a run at hand
  std::string sweep_from_;             // key in the queue where the sweep goes on
  order_no order_at_open_ = 0;

  std::atomic<order_no> last_order_{0};
};

}  // namespace troupe::storage
