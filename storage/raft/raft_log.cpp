#include "storage/raft/raft_log.hpp"

#include "storage/raft/raft_records.hpp"

#include <limits>

namespace troupe::storage {

void raft_log_batch::vote(std::uint64_t term, std::uint64_t voted_for) {
  const auto at = bytes_.size();
  raft_record::encode(raft_record::vote{term, voted_for}, bytes_);
  operations_.push_back({kind::put_vote, static_cast<std::uint32_t>(at),
                         static_cast<std::uint32_t>(bytes_.size() - at)});
}

void raft_log_batch::append(std::uint64_t index, std::uint64_t term, raft_entry_kind what,
                            std::string_view bytes) {
  const auto at = bytes_.size();
  raft_record::encode_entry(term, what, bytes, bytes_);
  operations_.push_back({kind::put_entry, static_cast<std::uint32_t>(at),
                         static_cast<std::uint32_t>(bytes_.size() - at), index});
}

void raft_log_batch::truncate(std::uint64_t from) {
  operations_.push_back(
      {kind::erase_entries, 0, 0, from, std::numeric_limits<std::uint64_t>::max()});
}

void raft_log_batch::snapshot(const raft_log_snapshot& record, std::uint64_t discard) {
  const auto at = bytes_.size();
  raft_record::encode(record, bytes_);
  operations_.push_back({kind::put_snapshot, static_cast<std::uint32_t>(at),
                         static_cast<std::uint32_t>(bytes_.size() - at)});
  if (discard > 0) operations_.push_back({kind::erase_entries, 0, 0, 0, discard});
}

void raft_log_batch::erase() {
  operations_.push_back({kind::erase_group});
}

}  // namespace troupe::storage
