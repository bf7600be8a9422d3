#pragma once

#include "storage/records/checksum.hpp"
#include "storage/records/settled_items.hpp"
#include "storage/replication/shard_replicas.hpp"
#include "storage/replication/shard_view.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>

namespace troupe::storage {

/// Makes the checksum of a shard, in slices. What only the state of the clean-up after erased
/// sessions tells apart, or the way in which a record came to be, does not count.
class shard_auditor {
 public:
  /// The database is open and its gate held.
  shard_auditor(const database& db, std::uint16_t shard, std::shared_ptr<void> place);

  /// About 1 MiB of records; the gate is held. True when result() is complete.
  bool go_on();
  const shard_checksum& result() const noexcept { return result_; }

 private:
  void add(const shard_view::row& row);
  void add_run(std::string_view key, std::string_view value);
  void add_retained(const shard_view::row& row);
  void finish_run();
  bool erased(std::string_view key) const;

  const std::shared_ptr<void> place_;
  shard_view view_;
  shard_checksum result_;
  checksum sum_;
  std::unordered_set<session_id> unswept_;
  bool begun_ = false;
  // The run at hand: what is settled of it stands in the record after it.
  std::string run_key_;
  std::string run_;
  settled_items settled_;
  /// Over all places in the log: how often a body is counted, less how often it is owed.
  std::uint64_t balance_ = 0;
};

}  // namespace troupe::storage
