#pragma once

#include "actors/replication/log_entry.hpp"
#include "actors/replication/replication_context.hpp"
#include "actors/replication/transfer/state_fetch.hpp"
#include "actors/replication/transfer/transfer_frame.hpp"
#include "cluster/raft/group.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe::replication {

/// What can be told of a replica.
struct shard_row {
  shard_id shard{};
  bool running = false;  // its group; else see `trouble`
  bool owned = false;
  bool fetching = false;  // it gets its state from another node
  cluster::raft::group_figures group;
  std::uint64_t applied = 0;   // index, by the store
  std::uint64_t entries = 0;   // committed, and not yet applied
  std::uint64_t waiting = 0;   // commits that are not answered
  std::uint64_t transfers = 0;  // states that were taken over
  std::uint64_t restarts = 0;   // of the group, after failures
  std::string trouble;          // a sentence: why it does not run, or did not
};

/// What a shard_group asks of the actor that it is a part of.
class shard_host {
 public:
  virtual ~shard_host() = default;
  /// A message of the group for another node; goes at the end of the turn.
  virtual void send(cluster::node_id to, shard_id of, std::string_view message) = 0;
  /// Reads a group's log away from the run loop; `done` is called on it.
  virtual void load(cluster::raft::group_no group,
                    std::function<void(storage::raft_log::loaded)> done) = 0;
  virtual std::int64_t now() = 0;
};

/// The replica of one shard on this node: its Raft group, the commits on their way into the log, the
/// entries on their way into the store, and the state that is fetched when the log alone
/// does not make it. Lives on one run loop.
///
///   stopped --start()--> loading --> running --failed--> resting --after a while--> loading
///      ^___________________\___stop()___/___________________/
///
/// A commit: waits at the gate; is put into an entry and proposed; is committed; is applied by
/// the store; answered. Only the last is on the store's thread.
class shard_group final : private cluster::raft::group_host {
 public:
  using changed = std::function<void(cluster::raft::outcome)>;

  shard_group(std::shared_ptr<replication_context> context, std::shared_ptr<loop_inbox> inbox,
              shard_host& host, shard_id shard);
  ~shard_group() override;

  /// Begins with what the log has; if it has nothing, with these members (empty: waits to be
  /// added to a group). Nothing happens if it runs.
  void start(cluster::raft::membership members);
  /// Ends it. `forget`: its log and its state are erased too. `done` when nothing is under way.
  void stop(bool forget, std::function<void()> done);
  bool stopped() const noexcept { return phase_ == phase::stopped; }

  void transfer(cluster::node_id to, changed done);
  void add(cluster::node_id node, changed done);
  void assign(cluster::node_id node, cluster::raft::member_role as, changed done);
  void remove(cluster::node_id node, changed done);

  void tick();
  void received(cluster::node_id from, std::string_view message);
  void received(cluster::node_id from, const transfer_frame& frame);
  void peer_down(cluster::node_id peer);
  void written(const loop_inbox::written_batch& what);
  void commits_wait();
  /// The store has applied something.
  void applied();
  shard_row row() const;

 private:
  enum class phase : std::uint8_t { stopped, loading, running, resting };
  struct answer {
    std::uint64_t ticket;
    std::uint64_t bytes;
    storage::store::committed done;
  };
  /// Commits that are one entry.
  struct proposal {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    storage::order_no first_order = 0;
    std::vector<answer> answers;
  };
  /// Committed, not yet given to the store.
  struct entry {
    cluster::raft::log_index index;
    cluster::raft::term_no term;
    storage::transaction writes;
    std::uint64_t bytes;
    std::optional<proposal> of;
  };
  /// Shared with the store's thread: what it has done for one life of the state.
  struct applying {
    std::atomic<std::uint64_t> index{0};  // applied, all before too
    std::atomic<std::uint64_t> bytes{0};  // given and not answered
    std::atomic<bool> failed{false};      // an entry was not written
    std::atomic<bool> call{false};        // the group waits for what comes
  };
  struct given;

  // --- group_host ---
  void send(cluster::node_id to, std::string message) override;
  void write(std::uint64_t number, storage::raft_log_batch batch) override;
  void apply(cluster::raft::log_index index, cluster::raft::term_no term,
             std::string_view entry) override;
  void owned(cluster::raft::term_no term) override;
  void disowned(cluster::raft::term_no term) override;
  void leader_changed(cluster::node_id leader, cluster::raft::term_no term) override;
  void members_changed(const cluster::raft::membership& members) override;
  std::string snapshot_reference(cluster::raft::log_index index,
                                 cluster::raft::term_no term) override;
  void snapshot_wanted(cluster::node_id to, cluster::raft::log_index index,
                       cluster::raft::term_no term, std::string_view reference) override;
  void snapshot_offered(cluster::node_id from, cluster::raft::log_index index,
                        cluster::raft::term_no term, std::string_view reference) override;
  void failed(const std::string& why) override;

  // --- start and end, shard_group.cpp ---
  void load();
  void loaded(storage::raft_log::loaded what);
  void bootstrapped(storage::raft_log_content content, const std::string& error);
  void begin(storage::raft_log_content content);
  void rest(const std::string& why);
  void end_group();
  void try_finish_stop();
  void forget();
  /// After every call into the group: nothing of it is on the stack.
  void settle();

  // --- proposals, shard_proposals.cpp ---
  void propose();
  void propose_one(entry_writer& from, std::vector<answer> answers);
  void proposed(std::uint64_t number, cluster::raft::outcome how, cluster::raft::log_index index);
  void refuse(proposal& of, cluster::raft::outcome how);
  /// `moved`: not this node's any more, or not known.
  void refuse(const std::vector<answer>& answers, std::string_view why, bool moved);
  void refuse_waiting(std::string_view why);

  // --- entries, shard_entries.cpp ---
  void give_entries();
  static void answered(given& of, const storage::commit_result& result);
  void note_applied();
  void state_begins();
  void state_ended();
  void new_applying(std::uint64_t index);

  const std::shared_ptr<replication_context> context_;
  const std::shared_ptr<loop_inbox> inbox_;
  shard_host& host_;
  const shard_id shard_;

  phase phase_ = phase::stopped;
  cluster::raft::membership first_members_;
  std::unique_ptr<cluster::raft::group> group_;
  std::uint64_t life_ = 0;     // of group_
  std::uint64_t writing_ = 0;  // batches that the log has not answered, of any life
  std::string failure_;        // of group_: it is to end
  std::string trouble_;
  std::int64_t restart_at_ = 0;
  std::int64_t began_ = 0;
  std::uint32_t restart_ms_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t taken_over_ = 0;
  bool forget_ = false;
  bool forgetting_ = false;
  std::vector<std::function<void()>> stopping_;

  // Proposals.
  bool owned_ = false;
  bool transferring_ = false;
  std::uint64_t epoch_ = 0;
  storage::order_no next_order_ = 1;
  std::vector<waiting_commit> taken_;
  std::deque<waiting_commit> queue_;
  std::deque<proposal> proposals_;
  std::uint64_t next_proposal_ = 1;
  std::uint64_t proposed_bytes_ = 0;

  // Entries.
  std::deque<entry> entries_;
  std::shared_ptr<applying> applying_;
  cluster::raft::log_index last_entry_ = 0;  // that the group has handed over
  std::uint64_t given_ = 0;         // index, to the store
  std::uint64_t told_applied_ = 0;  // index, to the group
  bool state_whole_ = false;        // the store has a state of this shard that entries continue
  state_fetch fetch_;
  cluster::node_id leader_ = cluster::no_node;

  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace troupe::replication
