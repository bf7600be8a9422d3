#pragma once

#include "storage/database.hpp"
#include "storage/records/settled_items.hpp"
#include "storage/store.hpp"

#include <string>
#include <string_view>

namespace troupe::storage {

/// The runs of a session in order, each with what is settled of it, as they
/// were when the scan was made.
class queue_scan {
 public:
  /// Begins with the run that holds order number `from`, or with the next one.
  queue_scan(const database& db, session_id id, order_no from);

  /// The next run. False at the end or if the disk fails, see status().
  bool next();
  rocksdb::Status status() const { return records_.status(); }

  order_no first() const noexcept { return first_; }
  std::string_view run() const noexcept { return run_; }
  /// The progress record cannot be read: then nothing counts as settled.
  bool progress_damaged() const noexcept { return damaged_; }
  const settled_items& settled() const noexcept { return settled_; }

 private:
  database::range records_;
  order_no first_ = 0;
  std::string run_;  // a copy: what is settled stands behind it
  settled_items settled_;
  bool damaged_ = false;
};

}  // namespace troupe::storage
