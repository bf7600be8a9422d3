#pragma once

#include "cluster/node_id.hpp"
#include "storage/raft/raft_log.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cluster::raft {

using group_no = storage::raft_group_no;
using log_index = std::uint64_t;  // of an entry in a group's log; the first is 1
using term_no = std::uint64_t;    // of a leader; each has one leader at most
/// Milliseconds of the node's own monotonic clock.
using time_ms = std::uint64_t;

/// `voter` counts in majorities, `standby` gets the log and may become a voter
/// without delay, `spare` gets nothing.
enum class member_role : std::uint8_t { standby = 0, voter = 1, spare = 2 };

struct member {
  node_id node = no_node;
  member_role role = member_role::voter;
  friend bool operator==(const member&, const member&) = default;
};
using membership = std::vector<member>;

/// What a group asks of whoever runs it. Called on the group's thread, within a call of one
/// of its functions; must not call the group back before it returns, but for
/// group::propose().
class group_host {
 public:
  virtual ~group_host() = default;

  /// For another node. May be lost, late, twice or out of order.
  virtual void send(node_id to, std::string message) = 0;

  /// To be written to the log of this group. Answer group::written() with the
  /// number, in their order; batches are numbered one after another.
  virtual void write(std::uint64_t number, storage::raft_log_batch batch) = 0;

  /// A committed command; in their order, each once in the life of the group object, none
  /// at or below the index that the group was started with or was told by applied().
  /// Answer applied() when the state has it. `entry` is valid during the call.
  virtual void apply(log_index index, term_no term, std::string_view entry) = 0;

  /// This node leads, and applied() was told for every command of earlier
  /// terms: it is the owner, until disowned().
  virtual void owned(term_no term) = 0;
  /// It leads no longer. Called before anyone else's leadership becomes known here. Others may
  /// have become owner before: see group::lease_until().
  virtual void disowned(term_no term) = 0;
  /// Who leads, as far as is known: `no_node` nobody. Also told when it is this
  /// node (before owned()).
  virtual void leader_changed(node_id leader, term_no term) = 0;
  /// The newest membership, committed or not.
  virtual void members_changed(const membership& members) = 0;

  /// What the log shall remember of the state at `index`, an entry of `term`: opaque, small.
  virtual std::string snapshot_reference(log_index index, term_no term) = 0;
  /// The log no longer has what `to` lacks. It was told, and will want the state, at `index`
  /// or later, from here.
  virtual void snapshot_wanted(node_id to, log_index index, term_no term,
                               std::string_view reference) = 0;
  /// The leader's log no longer has what this node lacks: get the state at `index` or later
  /// from the leader `from`, put it in place of this one unless this one is newer, then call
  /// group::installed(). Told again when the leader sends it again.
  virtual void snapshot_offered(node_id from, log_index index, term_no term,
                                std::string_view reference) = 0;

  /// The group does nothing any more (disk error, damaged memory): a sentence. Stop it, and
  /// start another one from what the log has.
  virtual void failed(const std::string& why) = 0;
};

}  // namespace troupe::cluster::raft
