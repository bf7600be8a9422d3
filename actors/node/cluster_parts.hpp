#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

#include "actors/config/configuration.hpp"
#include "actors/observe/http/cluster_view.hpp"
#include "actors/observe/snapshot.hpp"
#include "cluster/node_id.hpp"
#include "protocol/mqtt/session_id.hpp"

namespace troupe::runtime {
class runtime_config;
}
namespace troupe::storage {
class rocks_store;
class store;
}  // namespace troupe::storage
namespace troupe::broker {
struct broker_context;
class cluster_questions;
}

namespace troupe::node {

/// What makes a node one of a cluster: its identity, the Raft log, links, membership and the
/// meta group, replicas, and the way of the broker to other nodes. Made and ended by node_runtime
/// on the main thread, in this order: prepare(), open(), make_store(), attach(), the
/// broker's actors, make_actors(), start(), ..., give_away(), stop(), the store is closed, the actor
/// system goes with release(); destroyed after it.
class cluster_parts {
 public:
  /// `end_node` is called on a run loop, once at most: the node must end, for that reason.
  cluster_parts(std::shared_ptr<const config::configuration> from,
                std::function<void(std::string why)> end_node);
  ~cluster_parts();
  cluster_parts(const cluster_parts&) = delete;
  cluster_parts& operator=(const cluster_parts&) = delete;

  /// Each is empty, or a sentence that says why not.
  std::string prepare(runtime::runtime_config& system);
  /// Reads what the data directory has, which exists; its store is open.
  std::string open(const storage::rocks_store& store);
  /// The replicated store of all nodes together; `local` was opened as replicated.
  storage::store& make_store(caf::actor_system& system, storage::rocks_store& local);
  /// Its store is the one of make_store().
  void attach(broker::broker_context& context);
  void make_actors(caf::actor_system& system);
  /// Opens the port for other nodes and begins to look for them.
  std::string start();

  /// Of this node; `cluster` 0: it is in none yet. Any thread, after open().
  struct ids {
    std::uint64_t node = 0;
    std::uint64_t cluster = 0;
  };
  ids identity() const;
  /// Copies the Raft log; a sentence if that fails. Blocks, any thread.
  std::string copy_log(const std::string& directory) const;

  /// The port for other nodes, after start().
  std::uint16_t port() const;
  /// Why devices should not come; none: they should. Any thread.
  std::vector<std::string> reasons() const;
  /// For HTTP.
  std::shared_ptr<observe::cluster_source> source() const;
  /// For administrators' questions to other nodes; after attach().
  broker::cluster_questions& questions() const;
  /// An administrator gives the shard, which this node owns, to that one. Answers on any thread:
  /// a status as in HTTP, and a sentence if it is no success.
  void move_shard(shard_id shard, cluster::node_id to,
                  std::function<void(unsigned status, std::string why)> answer) const;
  /// The shard is about to be given to this node.
  void await_shard(shard_id shard) const;
  /// Answers on a run loop, after make_actors().
  void look(std::function<void(observe::cluster_figures)> answer) const;

  /// Gives leaderships away, until then at the latest.
  void give_away(std::chrono::steady_clock::time_point until);
  /// Ends replication, says goodbye to the other nodes, closes the Raft log. Takes a few
  /// seconds at most.
  void stop();
  /// The actors have ended, and the actor system is about to go.
  void release();

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace troupe::node
