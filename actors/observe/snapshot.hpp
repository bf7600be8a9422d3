#pragma once

#include "actors/observe/figures/latency.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace troupe::observe {

/// One run loop since its start.
struct run_loop_figures {
  double busy_seconds = 0;  // not waiting for events
  double lag_seconds = 0;   // longest recent wait of a ready task
  std::uint64_t queue = 0;  // tasks and actors that wait to run
};

/// How CONNECTs are taken in.
struct connect_figures {
  /// Seconds in the kernel's backlog, upper bounds of the classes; the last class is all above.
  static constexpr std::array<double, 10> bounds{0.001, 0.01, 0.05, 0.1, 0.25,
                                                 0.5,   1.0,  2.5,  5.0, 10.0};
  std::uint64_t in_progress = 0;        // accepted and not answered
  std::uint64_t in_progress_limit = 0;  // 0: none
  double lag_seconds = 0;               // of the slowest run loop, measured while connections come
  std::array<std::uint64_t, bounds.size() + 1> delays{};  // connections, by class
  double delay_seconds = 0;                               // sum
};

/// The actors of one class.
struct actor_figures {
  std::string name;  // of the class: "session", "topic_shard", ...
  std::uint64_t count = 0;
  std::uint64_t mailbox = 0;  // messages in all their mailboxes
  std::uint64_t deepest = 0;  // messages in the fullest one
};

struct listener_figures {
  std::string name;
  std::string address;  // as bound: "0.0.0.0:1883", or a path
  std::string kind;     // "tcp", "tls", "ws", "wss", "unix"
  std::uint64_t connections = 0;
  std::uint64_t limit = 0;  // 0: none of its own
};

struct certificate_figures {
  std::string name;            // of the listener that shows it
  std::int64_t not_after = 0;  // Unix seconds
};

struct store_figures {
  std::uint64_t commits = 0;        // transactions
  std::uint64_t groups = 0;         // writes of the log that carried them
  std::uint64_t backlog_bytes = 0;  // accepted, not yet written
  bool writable = true;
};

/// A cluster as this node sees it.
struct cluster_figures {
  std::uint64_t members_running = 0;  // up and heard, itself included
  std::uint64_t members_stopped = 0;  // members that this node does not hear
  std::uint64_t shards_owned = 0;     // by this node
  std::uint64_t shards_held = 0;      // replicas on this node
  std::uint64_t shards_without_owner = 0;
  std::uint64_t owner_changes = 0;  // since the start
  std::uint64_t map_version = 0;
  std::uint64_t term = 0;     // of the meta group
  bool leads = false;         // the meta group
  bool has_majority = false;  // the meta group has a leader that this node hears
  struct peer {
    std::string name;
    bool up = false;
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t window_bytes = 0;  // sent and not acknowledged
    std::uint64_t dropped = 0;       // frames given up
    double round_trip_seconds = 0;
  };
  std::vector<peer> peers;
};

/// How fast a node is to be emptied of its clients, and where to.
struct drain_order {
  std::uint32_t rate = 500;                     // clients per second, not 0
  std::optional<std::string> server_reference;  // none: as configured
};

/// How far that is.
struct drain_figures {
  bool draining = false;
  std::uint32_t rate = 0;        // clients per second
  std::string server_reference;  // that clients are told, or empty
  std::uint64_t remaining = 0;   // clients still connected, while draining
};

/// What a node is at one moment; what it did is in its counters.
struct snapshot {
  std::string node;
  std::string version;
  double uptime_seconds = 0;

  std::uint64_t connections = 0;          // sockets of devices, CONNECT read or not
  std::uint64_t connections_maximum = 0;  // most at one time since start
  std::uint64_t connections_limit = 0;    // 0: none
  std::uint64_t sessions = 0;
  std::uint64_t sessions_connected = 0;
  std::uint64_t sessions_connected_maximum = 0;  // most at one time since start
  std::uint64_t sessions_durable = 0;            // survive their connection
  std::uint64_t sessions_passivated = 0;         // on disk alone
  std::uint64_t subscriptions = 0;
  std::uint64_t subscriptions_shared = 0;
  std::uint64_t retained = 0;            // messages
  std::uint64_t retained_refused = 0;    // over the limit, since the start
  std::uint64_t log_bodies = 0;          // message bodies kept for durable sessions
  std::uint64_t queued_messages = 0;     // owed to durable sessions, waiting or in flight
  std::uint64_t owed_backlog_bytes = 0;  // their bytes, a body once for each receiver

  latency_table latencies;
  connect_figures connects;
  std::vector<listener_figures> listeners;
  std::vector<run_loop_figures> run_loops;
  std::vector<actor_figures> actors;
  std::vector<certificate_figures> certificates;
  store_figures store;
  std::optional<cluster_figures> cluster;  // of a node that does not run alone
  drain_figures drain;
};

/// Gathers a snapshot. May be called on any thread; the callback is called at
/// most once, on any thread, now or later: wait for it with a limit.
using snapshot_source = std::function<void(std::function<void(snapshot)>)>;

/// Whether the node takes devices, and if not why, one sentence per cause.
struct readiness {
  bool ready = false;
  std::vector<std::string> reasons;
};

}  // namespace troupe::observe
