#pragma once

#include "storage/backup/replica_choice.hpp"
#include "storage/replication/transaction_codec.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// What the layers above know of what is in the logs, and what is wanted.
struct merge_settings {
  /// A command of a shard's log as a transaction.
  std::function<decoded_transaction(std::string_view entry)> read_entry;
  backup::read_voters voters;
  /// The store of the first node of a new cluster; else that of a single node.
  bool replicated = false;
};

struct merged_copies {
  std::uint16_t shards = 0;
  std::uint64_t records = 0;          // that were taken over
  std::uint64_t entries = 0;          // of logs, that were applied to them
  std::vector<std::string> warnings;  // sentences: what may be missing, and why
  std::string error;                  // a sentence: nothing was made
};

/// Makes a data directory, which must not be there yet or be empty, of backups of nodes of a
/// cluster: for each shard of the farthest of its copies. It is of a new node that is in no
/// cluster: no vote, log or identity is taken over. Refuses copies of different clusters, one that
/// is given twice, and shards that are in none. What a merge that was interrupted leaves behind
/// does not start. The copies are not changed. Blocks.
merged_copies merge_copies(const std::vector<std::string>& copies, const std::string& data_dir,
                           const merge_settings& settings);

}  // namespace troupe::storage
