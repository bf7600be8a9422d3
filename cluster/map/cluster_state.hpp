#pragma once

#include "cluster/map/command.hpp"
#include "cluster/map/member.hpp"
#include "cluster/map/shard_map.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cluster {

/// What became of a command.
struct outcome {
  enum class kind : std::uint8_t {
    changed,
    unchanged,   // it was so already: a repeated command
    refused,     // `sentence` says why; the state is as before
    unreadable,  // malformed or of a newer version: this node can follow no further and must stop
  };
  kind what = kind::unchanged;
  std::string sentence;

  bool ok() const noexcept { return what == kind::changed || what == kind::unchanged; }
};

/// The state machine of the meta group: members, and who holds which shard.
/// The same commands give the same state on every node, whatever its clock or
/// hardware; a repeated command does no harm. A plain value without threads.
class cluster_state {
 public:
  /// An entry of the log.
  outcome apply(std::string_view entry);
  outcome apply(const command::any& what);

  /// The whole state, for a snapshot; equal states have equal bytes.
  std::string encode() const;
  /// Empty, with a sentence in `error`: malformed, inconsistent, or of a newer version.
  static std::optional<cluster_state> decode(std::string_view bytes, std::string& error);

  bool formed() const noexcept { return cluster_ != 0; }
  std::uint64_t cluster() const noexcept { return cluster_; }
  const std::string& name() const noexcept { return name_; }
  std::uint16_t shards() const noexcept { return shards_; }
  std::uint32_t wanted_replicas() const noexcept { return replicas_; }
  std::uint32_t expect() const noexcept { return expect_; }
  /// Commands that changed something.
  std::uint64_t changes() const noexcept { return changes_; }

  /// Ascending by node id.
  const std::map<node_id, member>& members() const noexcept { return members_; }
  const member* find(node_id node) const;
  const member* find(std::string_view name) const;
  /// True for a node that left or was evicted; it can only come back as a new one.
  bool gone(node_id node) const;
  /// Members that are up, witnesses included.
  std::size_t up() const;

  const shard_map& map() const noexcept { return map_; }
  /// True when the first map can be made: none yet, and enough members are up.
  bool awaits_map() const { return formed() && map_.shards.empty() && up() >= expect_; }
  /// Replicas that the node is to hold.
  std::size_t replicas_on(node_id node) const;

  bool operator==(const cluster_state&) const = default;

 private:
  outcome act(const command::form& what);
  outcome act(const command::join& what);
  outcome act(const command::confirm& what);
  outcome act(const command::leave& what);
  outcome act(const command::retire& what);
  outcome act(const command::evict& what);
  outcome act(const command::place& what);
  outcome act(const command::set_replicas& what);
  std::string refusal_of(const command::place& what) const;
  std::string refusal_of(const replica_set& set, std::size_t shard) const;
  std::string inconsistency() const;
  std::size_t full_members_without(node_id node) const;
  void forget(node_id node);

  std::uint64_t cluster_ = 0;
  std::string name_;
  std::uint16_t shards_ = 0;
  std::uint32_t replicas_ = 0;
  std::uint32_t expect_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t joins_ = 0;
  std::map<node_id, member> members_;
  std::vector<node_id> gone_;  // the oldest first
  shard_map map_;
};

/// The members that vote in the meta group, at most five: of those that are up
/// or leaving, full members and witnesses alike, the eldest. More voters make
/// each decision slower and nothing safer.
std::vector<node_id> meta_voters(const cluster_state& state);

}  // namespace troupe::cluster
