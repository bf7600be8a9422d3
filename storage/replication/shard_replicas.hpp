#pragma once

#include "storage/replication/shard_marks.hpp"
#include "storage/store.hpp"

namespace troupe::storage {

/// The store of a node that keeps replicas of shards (store_options::replicated), beside `store`.
/// Asynchronous calls as there: any thread, never blocking, callbacks on a thread of the store.
///
/// Each shard is a state machine: it is what its entries make of it, in the order of their
/// indices, whatever the grouping, restarts or reads. Entries are given to store::commit() as
/// transactions with transaction::applied(). One whose index is applied already is skipped and
/// answered with success, so that a log may be given again after a crash. An entry that was not
/// written (a disk error, too much to write) is answered with an error, and so are those after it,
/// until it is given again: go on after marks(). An entry that contradicts what is there is
/// answered with an error and counts as applied, on all replicas alike.
class shard_replicas {
 public:
  virtual ~shard_replicas() = default;

  /// What is written now. Any thread; does not block.
  virtual shard_marks marks(shard_id shard) const = 0;
};

}  // namespace troupe::storage
