#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "actors/cluster/cluster_record.hpp"
#include "actors/cluster/interfaces.hpp"
#include "actors/cluster/patience.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "cluster/map/shard_owners.hpp"
#include "cluster/membership/cut_off.hpp"
#include "cluster/membership/forming.hpp"
#include "cluster/membership/talk.hpp"
#include "cluster/network.hpp"

namespace troupe::clustering {

struct seed_address {
  std::string host;
  std::uint16_t port = 0;
};

/// What a membership is made of; nothing changes afterwards.
struct membership_settings {
  cluster::member self;  // host and port come with begin_membership
  std::string cluster_name;
  std::uint16_t shards = 0;  // of the data directory
  std::uint32_t replicas = 3;
  std::uint32_t expect = 1;
  std::vector<seed_address> seeds;
  std::string data_dir;
  cluster_record record;         // as loaded
  bool empty_log = true;         // group 0 has nothing on disk
  cluster::cluster_state guess;  // of the log, for addresses
  std::function<std::uint64_t()> random;
  std::int64_t patience_ms = 3'000;       // of readiness
  std::int64_t answer_ms = 5'000;         // a question to another node takes no longer
  std::int64_t first_retry_ms = 200;      // of joining, doubled each time,
  std::int64_t longest_retry_ms = 2'000;  // up to this
  std::int64_t lonely_ms = 3'000;         // without any peer: look for members at their addresses
};

/// Whom membership tells. Called on its loop.
struct membership_hooks {
  /// A shard has another owner, or none (no_node, with the last epoch).
  std::function<void(shard_id, cluster::shard_owner)> owner_changed;
  /// The newest state of the cluster that this node knows for sure.
  std::function<void(std::shared_ptr<const cluster::cluster_state>)> state_changed;
  /// This node is cut off from the majority, or no longer.
  std::function<void(bool seen)> majority_changed;
  /// About once a second.
  std::function<void()> every_second;
  /// The node must end: a sentence that says why. Called once.
  std::function<void(std::string)> end_node;
};

/// Decides whether this node forms a cluster, joins one or goes on in one; tells peers who it
/// is; passes commands to the leader of the meta group; knows who owns which shard.
///
///   made --begin--> forming --enough promises--> member
///                      \--a peer has a cluster--> joining --let in--> member
///   made --begin, has a cluster--> member            any --gone, failed--> ended
///
/// Lives on one loop with the meta group. What is given by reference outlives it.
class membership final : public runtime::lean_actor, private runtime::timer_entry {
 public:
  membership(caf::actor_config& cfg, membership_settings settings, cluster::network& net,
             contacts& links, cluster::shard_owners& owners, told_reasons& reasons,
             membership_hooks hooks);

  const char* name() const override { return "membership"; }

  /// Before the first message.
  void set_meta(caf::strong_actor_ptr meta) { meta_ = std::move(meta); }
  /// The same; null: this node holds no replicas.
  void set_keeper(caf::strong_actor_ptr keeper) { keeper_ = std::move(keeper); }

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  enum class phase : std::uint8_t { made, forming, joining, member, ended };

  // membership.cpp: peers and phases
  bool receive_peers(caf::mailbox_element& m);
  void begin(const begin_membership& at);
  void came(cluster::node_id node);
  void went(cluster::node_id node);
  void said(cluster::node_id from, const std::string& bytes);
  void heard(cluster::node_id from, const cluster::talk::hello& hello);
  void heard(cluster::node_id from, const cluster::talk::promise& promise);
  void heard(cluster::node_id from, const cluster::talk::gone& gone);
  void heard(cluster::node_id from, const cluster::talk::hears& hears);
  void tell_who_is_heard();
  void heard_news(meta_news& news);
  void end(std::string why);
  void on_timer() override;
  void introduce();
  void set_peers();
  void find(const std::string& host, std::uint16_t port);
  void look_for_members(std::int64_t now);
  bool say(cluster::node_id to, const cluster::talk::any& what);

  // membership_forming.cpp: how it becomes a member
  void follow(const cluster::forming::step& step);
  void form();
  void finish_forming();
  void try_joining(std::int64_t now);
  void join_answered(const cluster::talk::answer& answer);
  void let_in(std::uint64_t cluster);
  void keep_own_record(std::int64_t now);
  bool store(cluster_record what);
  void note_confirmed();

  // membership_decisions.cpp: commands, here and through others
  using answered = std::function<void(cluster::talk::answer)>;
  void decide(cluster::command::any what, bool relayed, answered then);
  void ask(cluster::node_id of, const cluster::command::any& what, bool relayed, answered then);
  void heard(cluster::node_id from, const cluster::talk::forward& forward);
  void heard(cluster::node_id from, const cluster::talk::answer& answer);
  void give_up_questions(std::int64_t now);
  void order(give_order& what);
  void order_plan(bool apply, std::function<void(observe::cluster_answer)> answer);
  void order_node(const observe::cluster_order& what,
                  std::function<void(observe::cluster_answer)> answer);

  // membership_owners.cpp
  void heard(cluster::node_id from, const cluster::talk::owns& owns);
  void heard(cluster::node_id from, const cluster::talk::withdraws& withdraws);
  void own(const shard_owned& what);
  void disown(const shard_disowned& what);
  void tell_owner(shard_id shard);
  void tell_all_owned(cluster::node_id to);
  void tell_members(const cluster::talk::any& what);
  void tell_keeper_of_owner(cluster::node_id from, const cluster::talk::owned_shard& what);
  void say_unsaid();

  // membership_views.cpp: what others want to see
  void look_at_readiness(std::int64_t now);
  bool has_majority() const;
  void look_whether_cut_off(std::int64_t now);
  observe::cluster_view view() const;
  std::vector<observe::shard_view> shard_views() const;
  observe::cluster_figures figures() const;
  std::string name_of(cluster::node_id node) const;

  struct peer {
    std::optional<cluster::talk::hello> hello;
    bool admitted = false;  // a member of this cluster
  };
  struct question {
    answered then;
    std::int64_t until = 0;
    cluster::node_id to = cluster::no_node;
  };
  void admit(cluster::node_id node, peer& at);

  const membership_settings settings_;
  cluster::network& net_;
  contacts& links_;
  cluster::shard_owners& owners_;
  told_reasons& reasons_;
  membership_hooks hooks_;
  caf::strong_actor_ptr meta_;
  caf::strong_actor_ptr keeper_;

  phase phase_ = phase::made;
  cluster::member self_;
  cluster_record record_;
  std::optional<cluster::forming> forming_;
  cluster::talk::hello introduced_;  // what is said to peers
  std::map<cluster::node_id, peer> peers_;                      // that can be heard
  std::map<cluster::node_id, cluster::talk::contact> contacts_;  // heard of, until a member
  std::set<std::pair<std::string, std::uint16_t>> looked_for_;
  std::int64_t lonely_since_ = 0;
  unsigned ticks_ = 0;
  std::map<cluster::node_id, std::int64_t> parting_;  // gone: when their links end

  std::shared_ptr<const cluster::cluster_state> state_;
  meta_news news_;
  bool proposing_form_ = false;
  bool joining_asked_ = false;
  std::int64_t join_at_ = 0;
  std::int64_t join_retry_ms_ = 0;
  std::string join_refusal_;  // the last one

  std::map<std::uint64_t, question> questions_;
  std::uint64_t last_request_ = 0;

  std::map<shard_id, cluster::talk::owned_shard> own_;  // what this node owns
  cluster::talk::owned unsaid_;                         // of it; is said at the end of the turn
  std::size_t held_ = 0;                                // replicas here
  patience patience_;
  cluster::cut_off_watch cut_off_watch_;
  bool cut_off_ = false;
};

}  // namespace troupe::clustering
