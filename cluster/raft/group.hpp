#pragma once

#include "cluster/raft/group_host.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cluster::raft {

struct group_settings {
  group_no number = 0;
  node_id self = no_node;
  /// A follower that hears nothing for one to two times as long wants to lead.
  std::uint32_t election_timeout_ms = 1000;
  std::uint32_t heartbeat_ms = 100;  // less than half of election_timeout_ms
  /// So many entries or bytes in the log, and those that the state has are let go...
  std::uint32_t snapshot_entries = 1024;
  std::uint64_t snapshot_bytes = std::uint64_t{4} << 20;
  /// ...but the newest, for followers that are a little behind...
  std::uint32_t trailing_entries = 256;
  std::uint64_t trailing_bytes = std::uint64_t{1} << 20;
  /// ...and at most so many for one that is catching up.
  std::uint32_t retained_entries = 16384;
  std::uint64_t retained_bytes = std::uint64_t{16} << 20;
  /// Of entries in one message, at least one.
  std::uint64_t message_bytes = std::uint64_t{256} << 10;
  /// Proposed and not yet committed, and received and not yet written: more is refused.
  std::uint64_t in_flight_bytes = std::uint64_t{8} << 20;
  /// After so long a follower that did not take a snapshot is offered it again.
  std::uint32_t snapshot_timeout_ms = 60'000;
  std::uint64_t seed = 1;  // of election timeouts
};

enum class role : std::uint8_t { stopped, follower, candidate, leader };

/// How a proposal, a transfer or a change of the membership ended.
enum class outcome : std::uint8_t {
  done,
  not_leader,  // refused: nothing happened
  full,        // refused: too much in flight
  busy,        // refused: a change or a transfer is under way, or not yet owner
  invalid,     // refused: no such member, or it has that role
  lost,        // leadership was lost meanwhile: it may have happened or not
  timed_out,   // a member did not catch up, or did not take the leadership
  stopped,
};
/// A sentence.
std::string_view describe(outcome of) noexcept;

struct follower_figures {
  node_id node = no_node;
  member_role role = member_role::voter;
  log_index match = 0;    // its log is known to be ours up to here
  bool snapshot = false;  // it is getting a snapshot
};

struct group_figures {
  raft::role role = raft::role::stopped;
  term_no term = 0;
  node_id leader = no_node;
  log_index first = 0;  // in memory
  log_index last = 0;
  log_index committed = 0;
  log_index applied = 0;  // as told by the host
  log_index snapshot = 0;
  std::uint64_t log_entries = 0;  // in memory
  std::uint64_t log_bytes = 0;
  std::uint64_t in_flight_bytes = 0;
  std::uint64_t malformed = 0;              // messages that were dropped
  std::uint64_t dropped = 0;                // for other reasons
  std::vector<follower_figures> followers;  // if leader
};

/// One server of a Raft group, on libraft: a step function. Time, messages, what was
/// written and what was applied go in; effects go to the host. One thread; several
/// groups of a process need not share one.
///
///   made --start()--> follower <--> candidate --> leader (--> owner)
///                         \____________________________/--stop() or failed--> stopped
///
/// Safe with a log that answers late, a network that does anything but forge,
/// and death at any moment, if what written() and applied() told is still there afterwards.
/// README.md says which gaps of libraft are closed here.
class group {
 public:
  using proposed = std::function<void(outcome, log_index)>;
  using changed = std::function<void(outcome)>;

  /// `host` must outlive it.
  group(const group_settings& settings, group_host& host);
  /// Stops.
  ~group();
  group(const group&) = delete;
  group& operator=(const group&) = delete;

  /// What a new group's log begins with; the same on all its first members. To be put
  /// into `content` and to be written (as batch) before start(). Nothing if `members`
  /// is empty or names a node twice.
  static bool bootstrap(const membership& members, storage::raft_log_content& content,
                        storage::raft_log_batch& batch);

  /// The same for a group whose first state is not empty: the log begins behind it, as if it was
  /// made of entries up to `index`, the last one of `term`. All its first members have that state.
  static bool bootstrap_behind(const membership& members, log_index index, term_no term,
                               storage::raft_log_content& content, storage::raft_log_batch& batch);

  /// Begins with what the log has and a state that has all up to `applied`. A sentence, and
  /// it stays stopped, if they do not fit together. A server without any content waits
  /// to be added to a group.
  std::string start(time_ms now, storage::raft_log_content content, log_index applied);
  /// Ends: proposals are answered `stopped`. Nothing is sent or written any more.
  void stop();

  /// At least every half heartbeat.
  void tick(time_ms now);
  /// A message of send() of this group on another node. What makes no sense is
  /// dropped and counted.
  void receive(time_ms now, node_id from, std::string_view message);
  /// Batches up to `number` are written, or failed with a sentence.
  void written(time_ms now, std::uint64_t number, const std::string& error = {});
  /// The state has every command up to `index`. Of these `durable` (at most index)
  /// are there after whatever the log survives; the log forgets no others.
  void applied(time_ms now, log_index index, log_index durable);
  /// The state was replaced by one that has everything up to `index`, durably.
  /// Commands up to there that apply() has brought are to be ignored.
  void installed(time_ms now, log_index index);

  /// Queues a command; flush() sends all of a turn on their way together. `done` is
  /// called, after apply() for this index, when it is committed, or when that can no longer be
  /// known; or with a refusal within this call.
  void propose(std::string entry, proposed done);
  void flush(time_ms now);

  /// Hands the leadership to another voter; done when it leads. Proposals are
  /// refused meanwhile, for an election timeout at most.
  void transfer_leadership(time_ms now, node_id to, changed done);
  /// One change at a time, by the owner. A new member is a spare, which gets
  /// nothing: make it a standby, wait until its match is near, then a voter.
  void add(time_ms now, node_id node, changed done);
  void assign(time_ms now, node_id node, member_role as, changed done);
  void remove(time_ms now, node_id node, changed done);

  /// Until when, on the clock of tick(), no other node can be leader: 0 if this one is not
  /// owner. It holds if no clock runs a tenth faster than another one.
  time_ms lease_until() const;
  raft::role role() const;
  term_no term() const;
  node_id leader() const;
  membership members() const;
  group_figures figures() const;
  /// Of the group, about, with its log.
  std::size_t memory_bytes() const;

 private:
  class core;
  std::unique_ptr<core> core_;
};

}  // namespace troupe::cluster::raft
