#pragma once

#include "storage/database.hpp"
#include "storage/retained/retained_memory.hpp"
#include "storage/write_operations.hpp"

#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::storage {

/// The retained messages of the store's writer, on its thread; count() and
/// refused() may be asked by any.
///
///   loading --all read--> complete --too large--> table --half as many--> loading
///
/// *complete*: all are in memory (retained_memory). A group of transactions
/// writes its changes as one record of a journal; what has changed is *folded*
/// into the table later, each topic once however often it changed. The journal
/// goes when all that it says stands in the table.
/// *loading*, *table*: changes go to the table. There is no journal.
class retained_writer {
 public:
  /// `batch` is the one that a group is collected in.
  retained_writer(const database& db, rocksdb::WriteBatch& batch, const store_options& options);

  /// At the start and after the database was reopened. Folds the journal of
  /// the last life; blocks. A sentence if it fails.
  std::string load();

  // --- a group: changes, then finish(), the write of the batch, written() ---
  void put(const write_operation& operation, const retained_message& message,
           std::string_view record);
  void erase(const write_operation& operation, std::string_view topic);
  /// Bytes that finish() will add to the batch.
  std::size_t pending_bytes() const noexcept { return journal_.size(); }
  void finish();
  void written(bool ok);

  // --- work between groups, in writes of its own ---
  /// Should be done now, though transactions wait.
  bool work_due() const noexcept;
  /// Should be done when the store has had nothing to do for a while.
  bool idle_work_due() const noexcept { return work_due() || !unfolded_.empty(); }
  /// Up to about `limit` records. A sentence if it fails: try again later.
  std::string work(std::size_t limit);
  /// Writes all that is missing to the table, before a clean close.
  std::string fold_all();

  // --- of a replicated store ---
  /// How many each shard has. Its limits are per shard from then on.
  void counts_of_shards(std::vector<std::uint64_t> counts) { of_shard_ = std::move(counts); }
  /// With the batch that is being made.
  std::uint64_t count_of(std::uint16_t shard) const { return of_shard_[shard]; }
  /// The batch replaces all of the shard in the table, after fold_all(); then come write and
  /// forget().
  void replaced(std::uint16_t shard, std::uint64_t count);
  /// The table has changed behind memory's back: it is loaded anew.
  void forget() { set_state(state::loading); }

  const retained_memory& memory() const noexcept { return memory_; }
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

 private:
  enum class state : std::uint8_t { loading, complete, table };
  using node_id = retained_tree::node_id;
  /// A change of a node, waiting for the batch to be written.
  struct change {
    node_id node;
    retained_message message;  // body null: erased
    std::uint16_t shard;
    std::size_t record_end;  // in journal_
    std::uint32_t record_size;
  };

  void put_to_memory(const write_operation& operation, const retained_message& message,
                     std::string_view record);
  void put_to_table(const write_operation& operation, const retained_message& message,
                    std::string_view record);
  void erase_from_memory(const write_operation& operation, std::string_view topic);
  void erase_from_table(const write_operation& operation, std::string_view topic);
  bool admit(const write_operation& operation);
  void one_less(const write_operation& operation);
  std::int64_t expiry_of(node_id node) const;
  bool held_in_table(const std::string& key) const;
  void add_change(node_id node, retained_message message, std::uint16_t shard);
  void mirror(const std::string& key, std::string_view topic, retained_message message,
              std::uint16_t shard);
  void write_change(const change& from);
  void set_state(state to);
  std::string recover_journal();
  std::string load_slice(std::size_t limit);
  bool load_one(std::string_view key, std::string_view value);
  std::string fold_slice(std::size_t limit);
  std::string give_up();

  const database& db_;
  rocksdb::WriteBatch& batch_;
  std::function<void(std::string_view)> report_;
  const std::uint64_t memory_limit_;
  const std::uint64_t journal_limit_;
  retained_memory memory_;
  state state_ = state::loading;
  std::string load_from_;  // key of the table: what is before it is in memory
  std::uint64_t retry_below_ = 0;

  // What the batch changes and RocksDB does not show yet.
  std::vector<change> changes_;
  std::string journal_;
  bool journaled_ = false;
  struct table_change {
    bool held = false;  // after the batch
    std::int64_t expires_at = 0;
  };
  std::unordered_map<std::string, table_change> in_batch_;  // keys of the table
  std::uint64_t count_after_ = 0;
  std::vector<std::uint64_t> of_shard_;  // as count_after_; empty if not replicated

  std::uint64_t journal_first_ = 0;  // numbers of the records: [first, next)
  std::uint64_t journal_next_ = 0;
  std::uint64_t journal_bytes_ = 0;
  std::vector<node_id> unfolded_;
  std::vector<node_id> folding_;
  std::size_t folded_ = 0;         // of folding_
  std::uint64_t fold_through_ = 0;  // records before it go when folding_ is done
  std::uint64_t fold_bytes_ = 0;
  std::size_t last_changes_ = 0;   // of the last group

  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace troupe::storage
