#pragma once

#include "storage/database.hpp"
#include "storage/records/settled_items.hpp"
#include "storage/store.hpp"

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::storage {

/// How far each run is settled that has several items or refers to counted
/// bodies. A run goes in the batch that settles its last item; until then a
/// progress record beside it says what is settled, written once per batch. What
/// is remembered is bounded: the rest is read again when it is asked for.
/// Writer thread.
class run_ledger {
 public:
  explicit run_ledger(const database& db) : db_(db) {}

  /// A run of the batch that is being made.
  void begun(session_id id, order_no run, std::uint32_t count);
  /// A run of one message with its body inside or in the log for it alone. Told in a replicated
  /// store only, where an entry may be in one batch with the one that settles it.
  void begun_lone(session_id id, order_no run) { lone_.push_back({id, run}); }
  /// Settles `count` items from `index` on; how many of them were not settled
  /// before. None if the run is gone or cannot be read, so that a shared body
  /// is never released twice by one item.
  std::uint32_t settle(session_id id, order_no run, std::uint32_t index, std::uint32_t count);
  /// For the clean-up of a session: what is settled of a run, which is forgotten.
  settled_items take(session_id id, order_no run);
  /// Puts what changed into the batch. Once, when the batch is complete.
  void finish(rocksdb::WriteBatch& batch);
  /// After the write of the batch: whether what is remembered holds.
  void written(bool ok);
  /// Between two batches, when runs have changed without it.
  void forget() { written(false); }

 private:
  struct run_key {
    session_id id;
    order_no run = 0;
    bool operator==(const run_key&) const = default;
  };
  struct key_hash {
    std::size_t operator()(const run_key& key) const noexcept {
      return (key.id.value ^ (key.run * 0x9E37'79B9'7F4A'7C15ULL)) * 0xD6E8'FEB8'6659'FD93ULL;
    }
  };
  struct state {
    settled_items settled;
    std::uint32_t count = 0;
    bool stored = false;   // there is a progress record
    bool changed = false;  // by the batch
  };
  using table = std::unordered_map<run_key, state, key_hash>;

  state* find(const run_key& key);
  state* load(const run_key& key);
  bool read_progress(const run_key& key, state& into);

  const database& db_;
  table runs_;
  table::value_type* latest_ = nullptr;
  std::vector<table::value_type*> changed_;
  std::vector<run_key> lone_;  // of the batch
  std::string bytes_;
};

}  // namespace troupe::storage
