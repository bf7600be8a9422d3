#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "actors/cluster/interfaces.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "cluster/membership/hearing.hpp"
#include "cluster/membership/next_step.hpp"
#include "cluster/network.hpp"
#include "cluster/raft/group.hpp"
#include "storage/raft/raft_log.hpp"

namespace troupe::clustering {

struct meta_settings {
  cluster::node_id self = cluster::no_node;
  std::uint32_t election_timeout_ms = 1000;
  std::uint32_t heartbeat_ms = 100;
  std::uint32_t snapshot_entries = 1024;
  std::uint64_t seed = 1;  // of election timeouts
};

/// The state that the log of group 0 is sure to have, and a guess at the newest: the same
/// with entries that may not be committed, which is good for addresses alone.
struct known_states {
  cluster::cluster_state sure;
  cluster::cluster_state guess;
  std::string error;  // a sentence: they cannot be read
};
known_states states_of(const storage::raft_log_content& content);

/// Raft group 0: members, and who holds which shard. A snapshot of its state is the
/// state itself, in the reference that goes with it, so nothing of it is kept elsewhere.
///
///   made --start_group--> running --failure--> failed (membership ends the node)
///
/// Lives on one loop with membership; `log` and `net` outlive it.
class meta_group final : public runtime::lean_actor,
                         private runtime::timer_entry,
                         private cluster::raft::group_host {
 public:
  meta_group(caf::actor_config& cfg, const meta_settings& settings, storage::raft_log& log,
             cluster::network& net, storage::raft_log_content content,
             caf::strong_actor_ptr membership);

  const char* name() const override { return "meta_group"; }
  void describe(runtime::actor_description& to) const override;

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  void start(bool bootstrap);
  void propose(propose_command& what);
  void give_away(leave_leadership& order);
  void take_step();
  bool give_to_one_that_hears_more(const cluster::meta_sight& seen);
  void step_ended(cluster::raft::outcome how);
  cluster::meta_sight look() const;
  /// After whatever may have moved the group: what it was not to be told within its own
  /// calls, and news.
  void settle();
  void publish();
  void fail(std::string why);
  void on_timer() override;
  void plan_tick();
  cluster::raft::time_ms now();

  // What the group asks for.
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

  const meta_settings settings_;
  storage::raft_log& log_;
  cluster::network& net_;
  storage::raft_log_content content_;  // until start
  caf::strong_actor_ptr membership_;
  std::unique_ptr<cluster::raft::group> group_;

  std::shared_ptr<const cluster::cluster_state> state_;
  cluster::raft::log_index applied_ = 0;
  cluster::raft::log_index told_ = 0;  // to the group
  cluster::outcome last_outcome_;      // of the entry at applied_
  std::optional<cluster::raft::log_index> installed_;

  bool owner_ = false;
  bool changed_ = false;  // there are news
  cluster::node_id leader_ = cluster::no_node;
  std::uint64_t term_ = 0;
  cluster::raft::membership servers_;
  std::string failure_;
  bool failed_ = false;

  std::set<cluster::node_id> heard_;
  cluster::hearing hearing_;
  bool stepping_ = false;  // a step is under way
  std::int64_t step_at_ = 0;
  bool stopping_ = false;
};

}  // namespace troupe::clustering
