#pragma once

#include "storage/database.hpp"
#include "storage/records/high_water_marks.hpp"
#include "storage/replication/shard_marks.hpp"
#include "storage/write_operations.hpp"

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// What a replicated store knows of each shard besides its content: one record, written in the
/// batch of every entry. Writer thread; published() may be asked by any.
class shard_states {
 public:
  struct state {
    shard_marks marks;
    std::uint64_t retained = 0;  // messages
    bool operator==(const state&) const = default;
  };

  explicit shard_states(std::uint16_t shards) : states_(shards), published_(shards) {}

  /// Reads all records. What a single node has written into a shard before it was replicated
  /// counts, as `before` knows it. A sentence if it fails.
  std::string load(const database& from, const high_water_marks& before);

  std::uint16_t count() const noexcept { return static_cast<std::uint16_t>(states_.size()); }
  const state& of(std::uint16_t shard) const { return states_[shard].now; }
  /// To be changed: its record goes with the batch that is being made.
  state& change(std::uint16_t shard);

  /// False, with a sentence: an entry before it was not written, so that it must not be either.
  bool admits(const entry_head& head, std::string& refused);
  /// It was not written: those after it must wait until it comes again.
  void refuse(const entry_head& head);

  /// The shard is another one now.
  void forget_refused(std::uint16_t shard) { states_[shard].refused_from = 0; }

  void saw_offset(std::uint16_t shard, std::uint64_t offset);
  void saw_session(session_id id);

  /// Puts what changed into the batch. Once, when the batch is complete.
  void finish(const database& db, rocksdb::WriteBatch& batch);
  /// After the write of the batch; if it failed, load() comes before the next.
  void written(bool ok);

  /// As readers see it. Any thread.
  shard_marks published(std::uint16_t shard) const;

  static void encode(const state& from, std::string& out);
  static std::optional<state> decode(std::string_view bytes);

 private:
  struct slot {
    state now;
    std::uint64_t refused_from = 0;  // index of the first entry that was not written; 0: none
    bool changed = false;
  };
  std::string load_one(const database& from, const high_water_marks& before, std::uint16_t shard);

  std::vector<slot> states_;
  std::vector<std::uint16_t> changed_;
  mutable std::mutex mutex_;
  std::vector<shard_marks> published_;
};

}  // namespace troupe::storage
