#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

#include "actors/link/settings.hpp"
#include "actors/observe/http/cluster_view.hpp"
#include "actors/observe/snapshot.hpp"
#include "cluster/map/cluster_state.hpp"
#include "cluster/membership/talk.hpp"
#include "cluster/raft/group.hpp"

/// Who says what in this folder. The actors are one per node and live on the first run loop:
///
/// - **membership** decides to form a cluster, to join one or to go on in one, tells
///   peers who this node is, and knows who owns which shard. The only writer of
///   cluster::shard_owners.
/// - **meta_group** runs Raft group 0 and applies its commands to the cluster's state;
///   its leader takes the steps of cluster/membership/next_step.hpp.
///
/// - **shard_keeper** makes the replicas on this node what the map says.
///
/// peer_gate (no actor) stands between the links and both, and keeps who is no member
/// away from the other parts of the node.
namespace troupe::clustering {

// -- to membership ------------------------------------------------------------------

/// From cluster_parts, once: the links are open.
struct begin_membership {
  std::string host;  // where other nodes reach this one
  std::uint16_t port = 0;
};
/// From the gate, for each peer in order: came, any number of said, went.
struct peer_came {
  cluster::node_id node = cluster::no_node;
};
struct peer_went {
  cluster::node_id node = cluster::no_node;
};
struct peer_said {
  cluster::node_id node = cluster::no_node;
  std::string bytes;
};
/// From the links: somebody answered at an address that was looked for.
struct peer_found {
  cluster::node_id node = cluster::no_node;
  std::string host;
  std::uint16_t port = 0;
};
/// From meta_group: what is new of it.
struct meta_news {
  std::shared_ptr<const cluster::cluster_state> state;  // null until it is known
  cluster::node_id leader = cluster::no_node;           // no_node: none that is known
  std::uint64_t term = 0;
  bool owner = false;  // this node leads and has applied everything
  cluster::raft::membership servers;
  std::string failure;  // a sentence: the group can do nothing any more
};
/// From the keeper: this node owns the shard of that epoch, or no longer.
struct shard_owned {
  shard_id shard{};
  std::uint64_t epoch = 0;
  std::uint64_t settled = 0;  // version of the map that its group agrees with
};
struct shard_disowned {
  shard_id shard{};
  std::uint64_t epoch = 0;
};
/// From the keeper: so many replicas are here.
struct shards_held {
  std::size_t count = 0;
};
/// From HTTP. Each callback is called once, on the loop of membership.
struct cluster_look {
  std::function<void(observe::cluster_view)> answer;
};
struct shards_look {
  std::function<void(std::vector<observe::shard_view>)> answer;
};
struct give_order {
  observe::cluster_order what;
  std::function<void(observe::cluster_answer)> answer;
};
/// From the node, for metrics.
struct figures_look {
  std::function<void(observe::cluster_figures)> answer;
};
/// The node stops: `done` when nothing of this actor's is under way.
struct end_membership {
  std::function<void()> done;
};

// -- to meta_group ------------------------------------------------------------------

/// From membership, once: go on with what the log has, or begin a new group with
/// this node alone.
struct start_group {
  bool bootstrap = false;
};
/// From the gate: a message of group 0.
struct group_message {
  cluster::node_id from = cluster::no_node;
  std::string bytes;
};
/// From membership: who can be heard.
struct peer_heard {
  cluster::node_id node = cluster::no_node;
  bool up = false;
};
/// From membership: which members a peer hears beside itself, as it says.
struct peer_hears {
  cluster::node_id node = cluster::no_node;
  std::vector<cluster::node_id> others;
};
/// What became of a command.
struct decision {
  bool decided = false;  // false: not here, or not known: `why` says it
  cluster::raft::outcome why = cluster::raft::outcome::done;
  cluster::outcome what;
};
/// From membership. `done` is called once, on the loop of meta_group.
struct propose_command {
  cluster::command::any what;
  std::function<void(decision)> done;
};
/// From the thread of the Raft log.
struct log_written {
  std::uint64_t number = 0;
  std::string error;
};
/// The node stops: nothing is written or sent any more.
struct end_group {
  std::function<void()> done;
};
/// The node stops: gives the leadership away if it can. `done` is called once.
struct leave_leadership {
  std::function<void()> done;
};

// -- to shard_keeper ----------------------------------------------------------------

/// Once: it may start groups.
struct begin_keeping {};
/// From membership: the newest state of the cluster.
struct map_news {
  std::shared_ptr<const cluster::cluster_state> state;
};
/// From membership: the owner of the shard, another node, says that its group agrees with
/// this version of the map.
struct owner_settled {
  shard_id shard{};
  std::uint64_t version = 0;
};
/// From replication: this node owns the shard of that epoch, or no longer.
struct replica_owned {
  shard_id shard{};
  std::uint64_t epoch = 0;
  bool owned = false;
};
/// From an administrator, to the keeper on the owner: give the shard to that node. `answer` is
/// called once, on any thread.
struct move_shard {
  enum class ending : std::uint8_t { done, refused, failed };
  struct outcome {
    ending how = ending::done;
    std::string why;  // a sentence, unless it is done
  };
  shard_id shard{};
  cluster::node_id to = cluster::no_node;
  std::function<void(outcome)> answer;
};
/// The same, to the keeper on that node, before: if the shard comes, it stays.
struct await_shard {
  shard_id shard{};
};
/// From replication: the newest servers of the group.
struct replica_servers {
  shard_id shard{};
  cluster::raft::membership servers;
};

/// What membership does to the links, and what tests do instead.
class contacts {
 public:
  virtual ~contacts() = default;

  /// The nodes to keep links with, from now on. Any thread.
  virtual void set_peers(std::vector<link::peer_address> peers) = 0;
  /// Looks for a node at the address until it is found; told by peer_found. Any thread.
  virtual void find(const std::string& host, std::uint16_t port) = 0;
  /// What is said first to every peer, and now to those that are there. Peers that
  /// say the same cluster (not 0) are admitted. Any thread.
  virtual void introduce(std::string hello, std::uint64_t cluster) = 0;
  /// That node is a member no longer: nothing of it is taken but talk. Any thread.
  virtual void bar(cluster::node_id node) = 0;
  virtual std::vector<link::link_figures> figures() const = 0;
};

}  // namespace troupe::clustering

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::begin_membership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::peer_came)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::peer_went)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::peer_said)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::peer_found)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::meta_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::shard_owned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::shard_disowned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::cluster_look)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::shards_look)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::give_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::figures_look)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::end_membership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::start_group)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::group_message)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::peer_heard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::peer_hears)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::shards_held)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::begin_keeping)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::move_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::await_shard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::map_news)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::owner_settled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::replica_owned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::replica_servers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::propose_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::log_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::leave_leadership)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::end_group)
