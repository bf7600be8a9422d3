#pragma once

#include "cluster/raft/group_host.hpp"
#include "cluster/raft/libraft.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Memberships in libraft's form: a structure, and the bytes of a log entry.
namespace troupe::cluster::raft {

/// libraft wants an address for each server: its number.
std::string address_of(node_id node);

/// As libraft encodes it.
std::string encode_configuration(const membership& from);
/// Nothing if the bytes are damaged, empty of members, or name one twice.
std::optional<membership> decode_configuration(std::string_view bytes);

membership membership_of(const raft_configuration& from);
/// `into` is empty before; to be closed by whoever gets it.
void make_configuration(const membership& from, raft_configuration& into);

/// The configurations that are in the log or before it, each with its index. libraft
/// keeps only the newest: what it needs to go back to an earlier one, and what
/// belongs into a snapshot, is looked up here.
class configuration_history {
 public:
  struct item {
    log_index index = 0;
    membership members;
  };
  void clear() { items_.clear(); }
  void note(log_index index, membership members) { items_.push_back({index, std::move(members)}); }
  /// Those at `from` and later are gone from the log.
  void truncate(log_index from);
  /// None before the one of `committed` will be asked for.
  void trim(log_index committed);
  /// The newest at or before `index`; null: none.
  const item* at(log_index index) const;
  const item* newest() const { return items_.empty() ? nullptr : &items_.back(); }

 private:
  std::vector<item> items_;
};

}  // namespace troupe::cluster::raft
