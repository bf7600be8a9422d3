#pragma once

#include "cluster/raft/configuration.hpp"
#include "cluster/raft/group.hpp"
#include "cluster/raft/libraft.hpp"
#include "cluster/raft/wire.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cluster::raft {

/// libraft with its I/O replaced, and what it leaves to us. Every step ends with
/// settle(), which answers libraft's requests, tells the host what is new, gives it one
/// batch for the log, and lets out the messages that need not wait for the log.
///
/// libraft's requests are never answered within its own calls.
class group::core {
 public:
  core(const group_settings& settings, group_host& host);
  ~core();

  std::string start(time_ms now, storage::raft_log_content content, log_index applied);
  void stop();
  void tick(time_ms now);
  void receive(time_ms now, node_id from, std::string_view bytes);
  void written(time_ms now, std::uint64_t number, const std::string& error);
  void applied(time_ms now, log_index index, log_index durable);
  void installed(time_ms now, log_index index);
  void propose(std::string entry, proposed done);
  void flush(time_ms now);
  void transfer(time_ms now, node_id to, changed done);
  enum class change_kind : std::uint8_t { add, assign, remove };
  void change(time_ms now, change_kind what, node_id node, member_role as, changed done);

  time_ms lease_until() const;
  raft::role role() const;
  term_no term() const { return raft_.current_term; }
  node_id leader() const;
  membership members() const { return members_; }
  group_figures figures() const;
  std::size_t memory_bytes() const;

 private:
  struct io;  // what libraft calls, in group_io.cpp
  struct outgoing {
    node_id to;
    std::string bytes;
    std::uint64_t after;  // the batch that must be written first; 0: none
  };
  struct sent {
    raft_io_send* request;
    raft_io_send_cb done;
  };
  struct wanted_snapshot {
    raft_io_snapshot_get* request;
    raft_io_snapshot_get_cb done;
    std::optional<storage::raft_log_snapshot> record;
  };
  struct append {
    raft_io_append* request;
    raft_io_append_cb done;
    std::uint64_t batch;
    term_no term;  // in which it was asked for
    log_index first;
    log_index last;
    std::uint64_t bytes;
    bool own;  // by this node as leader
  };
  /// Of an own snapshot: first the state must be durable, then the record.
  struct put {
    raft_io_snapshot_put* request;
    raft_io_snapshot_put_cb done;
    storage::raft_log_snapshot record;
    log_index discard = 0;
    std::uint64_t batch = 0;  // 0: not yet given
    bool installing = false;
    raft_buffer* buffers = nullptr;
  };
  struct queued {
    std::string entry;
    proposed done;
  };
  struct outstanding {
    log_index index;
    std::uint64_t bytes;
    proposed done;
  };
  struct running_transfer {
    node_id to;
    changed done;
    time_ms started;
    struct raft_transfer request {};
    bool asked = false;
    bool open = false;  // libraft has it
  };
  struct sent_offer {
    std::string bytes;
    time_ms at;
  };

  // group_core.cpp
  void settle();
  bool answer_libraft();
  bool note_role();
  void note_leadership(bool leads);
  bool note_leader_and_members();
  void let_out();
  void hand(wire::incoming& message);
  void fail(const std::string& why);
  void count_log();
  bool snapshot_late() const;

  // group_guards.cpp: what libraft 0.15 gets wrong or leaves open
  bool admit(wire::incoming& message);
  bool admit_entries(wire::incoming& message);
  void skip_known(wire::incoming& message);
  log_index hint(log_index index) const;
  bool admit_result(const wire::incoming& message);
  bool believe_refusal(node_id follower, log_index refused);
  void roll_back_configuration(const raft_append_entries& from);
  void sync_configuration();
  bool complete_appends(bool all);
  bool replay_results();
  log_index acknowledged_by_majority() const;
  void guard_candidate();
  void guard_leader();
  void apply_resends();

  // group_leader.cpp
  void begin_leadership();
  void end_leadership();
  bool try_own();
  bool begin_transfer();
  bool finish_transfer();
  void close_transfer();
  void send_batch();
  bool raise_barrier(log_index& at, bool first);
  time_ms majority_stamp() const;
  std::size_t others_needed() const;
  bool is_voter(node_id node) const;

  // group_snapshots.cpp
  int begin_snapshot(raft_buffer** buffers, unsigned* count);
  std::uint32_t choose_trailing(log_index at) const;
  bool write_snapshot();
  bool finish_snapshot();
  bool admit_offer(wire::incoming& message);
  bool take_offer();
  void resend_offers();
  int applying(std::string_view entry);

  const group_settings settings_;
  group_host& host_;
  raft_io io_{};
  raft_fsm fsm_{};
  ::raft raft_{};
  raft_configuration alone_{};  // this node, a voter
  raft_io_tick_cb tick_ = nullptr;
  raft_io_recv_cb receive_ = nullptr;
  storage::raft_log_content content_;  // until libraft has loaded it
  std::uint64_t random_;
  time_ms now_ = 0;
  time_ms started_ = 0;
  bool running_ = false;

  // Log.
  storage::raft_log_batch batch_;
  std::uint64_t batch_no_ = 1;  // of batch_
  std::uint64_t written_ = 0;
  std::uint64_t vote_batch_ = 0;  // the last with a term or vote in it
  term_no vote_term_ = 0;
  log_index next_on_disk_ = 1;
  std::deque<append> appends_;
  std::uint64_t append_bytes_ = 0;
  std::optional<put> put_;
  std::optional<storage::raft_log_snapshot> snapshot_;
  std::uint64_t log_bytes_ = 0;      // in memory
  std::uint64_t covered_bytes_ = 0;  // of these the snapshot has
  std::uint64_t applied_bytes_ = 0;  // since the last snapshot
  configuration_history configurations_;

  // Messages.
  std::deque<outgoing> outbox_;
  std::vector<sent> sent_;
  std::vector<wanted_snapshot> wanted_;
  struct resend {
    node_id to;
    log_index next;
  };
  std::vector<resend> resends_;
  std::optional<log_index> answer_limit_;  // of the result that is about to be sent
  bool mute_result_ = false;
  term_no heard_term_ = 0;  // of the newest message of a leader, and its stamp
  time_ms heard_stamp_ = 0;

  // State machine.
  log_index skip_ = 0;    // the state had everything up to here before
  log_index handed_ = 0;  // to apply(), or skipped
  log_index host_applied_ = 0;
  log_index durable_ = 0;
  std::optional<wire::incoming> offer_;

  // Leadership.
  term_no leading_ = 0;  // 0: not leader
  time_ms leading_since_ = 0;
  bool owned_ = false;
  log_index barrier_ = 0;  // the first entry of this leadership
  bool barrier_passed_ = false;
  log_index handed_at_barrier_ = 0;
  log_index fence_ = 0;  // no lease until this entry is committed
  std::map<node_id, time_ms> stamps_;
  std::vector<wire::incoming> held_;  // results, until the barrier is written
  std::vector<queued> queue_;
  std::uint64_t queued_bytes_ = 0;
  std::deque<outstanding> outstanding_;
  std::uint64_t in_flight_ = 0;
  std::unique_ptr<running_transfer> transfer_;
  bool changing_ = false;
  std::map<node_id, sent_offer> offers_sent_;

  // As told to the host.
  node_id leader_ = no_node;
  term_no leader_term_ = 0;
  membership members_;

  std::uint64_t malformed_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace troupe::cluster::raft
