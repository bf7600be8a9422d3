#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/broker/inspect/ban_set.hpp"
#include "actors/broker/interfaces.hpp"
#include "actors/broker/routing/route.hpp"
#include "actors/broker/routing/share_chooser.hpp"
#include "actors/broker/trace/trace_gate.hpp"
#include "actors/observe/counters.hpp"
#include "actors/runtime/inspect/side_lane.hpp"
#include "actors/runtime/run_loop.hpp"
#include "protocol/auth/authorizer.hpp"
#include "protocol/session/limits.hpp"
#include "storage/store.hpp"

namespace caf {
class actor_system;
}
namespace troupe::runtime {
class loop_coordinator;
}  // namespace troupe::runtime

namespace troupe::broker {

class device_port;
class peers;
class store_front;
class tracer;

/// The latest snapshot of the wildcard index. Written by the index, read by
/// every topic shard, which looks at the version first and takes the snapshot only when it moved.
///
/// The version counts every change of a route, also of those without
/// wildcards: what was matched at a version saw exactly the changes that were
/// answered with it or a lower one.
class wildcard_view {
 public:
  struct snapshot {
    wildcard_routes routes;
    std::uint64_t version = 0;
  };
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  snapshot latest() const {
    std::lock_guard lock(mutex_);
    return {routes_, version()};
  }
  /// Answers the version of the change.
  std::uint64_t publish(wildcard_routes routes) {
    std::lock_guard lock(mutex_);
    std::swap(routes_, routes);  // the old one goes when the lock is free again
    return exact_changed();
  }
  /// A topic shard has changed a route of its own; answers the version of that.
  std::uint64_t exact_changed() noexcept {
    return version_.fetch_add(1, std::memory_order_acq_rel) + 1;
  }

 private:
  mutable std::mutex mutex_;
  wildcard_routes routes_;
  std::atomic<std::uint64_t> version_{1};
};

/// A value that is replaced as a whole at a reload and read on any thread.
template <class T>
class reloadable {
 public:
  std::shared_ptr<const T> get() const {
    std::lock_guard lock(mutex_);
    return value_;
  }
  void set(std::shared_ptr<const T> value) {
    {
      std::lock_guard lock(mutex_);
      value_.swap(value);
    }
    version_.fetch_add(1, std::memory_order_release);
  }
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
  std::atomic<std::uint64_t> version_{0};
};

/// Limits of sessions and of what goes with them.
struct broker_limits : troupe::session::session_limits {
  std::uint32_t max_session_expiry = mqtt::expires_never;  // seconds
  std::uint16_t max_keep_alive = 0;                // seconds, 0: as the client asks
  std::uint16_t max_topic_alias = 64;
  std::uint64_t max_retained_messages = 0;         // 0: no limit
  std::int64_t passivation_delay_ms = 60'000;
};

/// The connections of one run loop by number; used on that loop only.
using device_table = std::unordered_map<std::uint64_t, device_port*>;

/// What the actors of a node share. Made before the first of them, outlives
/// the last. Handles are set once, before any device may connect.
struct broker_context {
  broker_context(caf::actor_system& sys, runtime::loop_coordinator& coordinator,
                 storage::store& durable, observe::counter_set& counts);

  caf::actor_system& system;
  runtime::loop_coordinator& loops;
  storage::store& store;
  observe::counter_set& counters;

  runtime::side_lane aside;  // for looks inside

  reloadable<broker_limits> limits;
  reloadable<sharing_rules> sharing;  // none: the defaults
  reloadable<auth::authorizer> authorizer;
  reloadable<ban_set> bans;  // null: none
  wildcard_view wildcards;

  std::vector<topic_shard_actor> topic_shards;
  std::vector<session_shard_actor> session_shards;
  wildcard_index_actor wildcard_index;
  std::vector<device_table> devices;  // by run loop
  // Null: not in a cluster. The front is then `store`, too.
  peers* remote = nullptr;
  store_front* front = nullptr;
  std::uint64_t run_id = 0;           // of this life of the node; not 0, once it is set

  std::atomic<std::uint64_t> sessions{0};
  std::atomic<std::uint64_t> durable_sessions{0};
  std::atomic<std::uint64_t> connected{0};
  std::atomic<std::uint64_t> connected_maximum{0};
  std::atomic<std::uint64_t> subscriptions{0};
  std::atomic<std::uint64_t> shared_subscriptions{0};
  std::atomic<bool> stopping{false};
  trace_gate tracing;
  tracer* traces = nullptr;  // not null while something is traced
  /// Administrators follow messages: all that a hop asks while nobody does.
  bool traced() const noexcept { return tracing.open(); }
  bool traced(const mqtt::message& message) const noexcept { return tracing.open(message); }
  /// Clients are sent to other servers, to the one named here if it is not empty.
  std::atomic<bool> draining{false};
  reloadable<std::string> server_reference;

  /// Counts on the block of the calling run loop. Any thread.
  void count(observe::counter what, std::uint64_t n = 1) {
    if (const auto* loop = runtime::run_loop::current())
      counters.block(loop->index()).add(what, n);
    else
      counters.shared_block().add_shared(what, n);
  }
  /// Takes the time of a message that is timed. On a run loop.
  void time(observe::latency_stage stage, const mqtt::message& message) {
    if (message.timed()) [[unlikely]]
      time(stage, message.timed_at(), message.of_another_node());
  }
  void time(observe::latency_stage stage, std::int64_t since_us, bool of_another_node);
  /// No actor uses them any more.
  void release_handles();
  /// The node is at its end: messages that are left have nobody to go to.
  bool released() const noexcept { return session_shards.empty(); }
  const topic_shard_actor& topic_shard(std::string_view topic) const;
  const session_shard_actor& session_shard(std::string_view client_id) const;
  shard_id shard_of(std::string_view key) const;
  /// The actor that keeps subscriptions to this filter (without "$share").
  void change_route(route_change change);
  /// The same of a session that this node announces.
  void announce_route(route_change change);
  /// Tells watchers of $SYS about a client; set by the node, may be empty.
  std::function<void(bool connected, const std::string& client_id, const std::string& username,
                     const std::string& address, std::string_view why)>
      client_event;
};

}  // namespace troupe::broker
