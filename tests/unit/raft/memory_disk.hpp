#pragma once

#include "storage/raft/raft_log.hpp"

#include <cstdint>
#include <deque>

namespace troupe::cluster::raft::test {

/// What a batch makes of a group's log. Everything must fit: no holes, no
/// entry without its predecessor.
void apply(const storage::raft_log_batch& batch, storage::raft_log_content& to);

/// The log of one group on a disk that knows what is safe: batches are written in
/// their order, and what is not yet written is lost with the power.
class memory_disk {
 public:
  void give(std::uint64_t number, storage::raft_log_batch batch) {
    waiting_.push_back({number, std::move(batch)});
  }
  bool idle() const { return waiting_.empty(); }
  /// Writes all that waits; the number of the last batch.
  std::uint64_t sync();
  /// Of what waits the first `kept` batches reach the disk, the rest is lost.
  void crash(std::size_t kept);
  std::size_t waiting() const { return waiting_.size(); }
  storage::raft_log_content& content() { return content_; }

 private:
  struct pending {
    std::uint64_t number;
    storage::raft_log_batch batch;
  };
  storage::raft_log_content content_;
  std::deque<pending> waiting_;
};

}  // namespace troupe::cluster::raft::test
