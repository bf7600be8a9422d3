#include "tests/unit/raft/memory_disk.hpp"

#include "storage/raft/raft_records.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

namespace troupe::cluster::raft::test {

void apply(const storage::raft_log_batch& batch, storage::raft_log_content& to) {
  using kind = storage::raft_log_batch::kind;
  namespace record = storage::raft_record;
  for (const auto& operation : batch.operations()) {
    const auto end = to.first + to.entries.size();
    switch (operation.what) {
      case kind::put_vote: {
        const auto vote = record::decode_vote(batch.record(operation)).value();
        if (vote.term < to.term) FAIL("a term goes back on disk");
        to.term = vote.term;
        to.voted_for = vote.voted_for;
        break;
      }
      case kind::put_entry:
        if (operation.first != end) FAIL("a hole in the log on disk");
        to.entries.push_back(record::decode_entry(batch.record(operation)).value());
        break;
      case kind::put_snapshot:
        to.snapshot = record::decode_snapshot(batch.record(operation)).value();
        break;
      case kind::erase_entries:
        if (operation.first > 0) {  // the end
          if (operation.first < to.first || operation.first > end) FAIL("truncated beyond the log");
          to.entries.resize(operation.first - to.first);
        } else {
          const auto last = std::min(operation.last, end - 1);
          if (last >= to.first) {
            to.entries.erase(to.entries.begin(),
                             to.entries.begin() + static_cast<std::ptrdiff_t>(last - to.first + 1));
            to.first = last + 1;
          }
          if (to.entries.empty()) to.first = to.snapshot->index + 1;
        }
        break;
      case kind::erase_group:
        to = {};
        break;
    }
  }
}

std::uint64_t memory_disk::sync() {
  const auto last = waiting_.empty() ? 0 : waiting_.back().number;
  crash(waiting_.size());
  return last;
}

void memory_disk::crash(std::size_t kept) {
  for (; kept > 0 && !waiting_.empty(); --kept) {
    apply(waiting_.front().batch, content_);
    waiting_.pop_front();
  }
  waiting_.clear();
}

}  // namespace troupe::cluster::raft::test
