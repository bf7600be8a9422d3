#pragma once

#include "storage/replication/shard_marks.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// A session of a directory with its subscriptions.
struct directory_entry {
  session_record session;
  std::vector<subscription_record> subscriptions;
  bool goes_on = false;  // the next page begins with it again, and more of its subscriptions
};

/// The sessions of a shard, page by page, and behind them the origins and choices.
struct directory_page {
  std::vector<directory_entry> sessions;
  std::vector<origin_record> origins;
  std::vector<choice_record> choices;
  std::string next;           // cursor for the next page; empty: that was all
  std::uint64_t damaged = 0;  // records that cannot be read: reported and left out
  bool failed = false;        // as owed_page::failed
};

/// A part of an exported shard.
struct shard_chunk {
  std::string bytes;
  bool last = false;
  std::string error;  // a sentence: the export is over and has to begin again
};

/// A shard as it was at one moment, given in parts of about 256 KiB (or one record). Holds back
/// disk space until it is let go. Must not outlive the store; ends when the store is closed, or
/// reopens its database after a disk error.
class shard_export {
 public:
  virtual ~shard_export() = default;
  /// At that moment.
  virtual const shard_marks& marks() const noexcept = 0;
  /// The next part, one after the other: not again before it is answered. Asynchronous, any thread.
  virtual void next(std::function<void(shard_chunk)> done) = 0;
};

/// What a shard holds, the same on every replica that has applied the same entries.
struct shard_checksum {
  shard_marks marks;  // of the moment that it tells of
  std::uint64_t content =
      0;  // over sessions, subscriptions, QoS 2 states, what is owed, what is retained
  std::uint64_t sessions = 0;  // how many it has
  std::uint64_t messages = 0;  // owed and not settled
  std::uint64_t retained = 0;
  /// Every body in the log is counted for as many as are owed it.
  bool bodies_agree = false;
  bool failed = false;  // as owed_page::failed, or the shard is not complete
};

/// The store of a node that keeps replicas of shards (store_options::replicated), beside `store`.
/// Asynchronous calls as there: any thread, never blocking, callbacks on a thread of the store;
/// reads see what was given to commit() before.
///
/// Each shard is a state machine: it is what its entries make of it, in the order of their
/// indices, whatever the grouping, restarts or reads. Entries are given to store::commit() as
/// transactions with transaction::applied(). One whose index is applied already is skipped and
/// answered with success, so that a log may be given again after a crash. An entry that was not
/// written (a disk error, too much to write) is answered with an error, and so are those after it,
/// until it is given again: go on after marks(). An entry that contradicts what is there is
/// answered with an error and counts as applied, on all replicas alike.
///
/// Replicas begin equal: empty, or imported.
class shard_replicas {
 public:
  virtual ~shard_replicas() = default;

  /// What is written now. Any thread; does not block.
  virtual shard_marks marks(shard_id shard) const = 0;

  /// For a node that becomes the owner: the sessions by id, at most max_count and about 1 MiB a
  /// page. `cursor`: empty, or `next` of the page before.
  virtual void read_directory(shard_id shard, std::string cursor, std::uint32_t max_count,
                              std::function<void(directory_page)> done) = 0;

  /// Everything of the shard as it is when this is answered. Null and a sentence if it cannot be
  /// read, is not complete, or too many exports are under way.
  using exporting = std::function<void(std::shared_ptr<shard_export>, std::string error)>;
  virtual void export_shard(shard_id shard, exporting done) = 0;

  /// The next chunk of an import, in the order of the export. The first one empties the shard and
  /// makes it incomplete (shard_marks::incomplete), also if another import was under way; the last
  /// one makes it what was exported. A chunk that does not follow is answered with an error and
  /// ends the import. After a crash in between the shard is empty and still incomplete.
  virtual void import_chunk(shard_id shard, std::string bytes, store::committed done) = 0;

  /// Forgets all of the shard: it is empty, no entry is applied, and numbers begin at 1.
  virtual void drop_shard(shard_id shard, store::committed done) = 0;

  /// Reads all of the shard, in pieces.
  virtual void read_checksum(shard_id shard, std::function<void(shard_checksum)> done) = 0;
};

/// The marks that the first chunk of an export tells of; nothing if it is no first chunk.
std::optional<shard_marks> exported_marks(std::string_view first_chunk);

}  // namespace troupe::storage
