#pragma once

#include "actors/broker/shard_owner.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/session_id.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace troupe::broker {

/// A subscription that a topic would be delivered by.
struct found_route {
  session_id session;
  std::string client_id;                      // empty: not known where it was asked
  std::string filter;                         // without "$share"
  std::string share;                          // whole, or empty
  mqtt::qos level = mqtt::qos::at_most_once;  // granted at most
  bool durable = false;
  bool online = false;
  bool full = false;
  /// The node that keeps its messages or has its connection (none: its shard has no owner), and
  /// the one where it is awake.
  cluster::node_id via = cluster::no_node;
  cluster::node_id at = cluster::no_node;
};

/// Order-independent, the same on every node.
struct route_sum {
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  bool operator==(const route_sum&) const = default;
};

/// What a node says that it has announced, and what the node that matches by it holds of that.
struct checked_routes {
  cluster::node_id announcer = cluster::no_node;
  /// Of the sessions of this shard, which are kept; nothing: of the node's clean sessions.
  std::optional<shard_id> sessions;
  route_sum announced;
  route_sum held;
};

/// What one node knows of a topic, or of the routes of a topic shard or the wildcard index.
struct route_report {
  cluster::node_id by = cluster::no_node;
  bool answered = false;  // by the owner of the topic shard, or by that wildcard index
  shard_owner owner;      // of the topic shard
  std::vector<found_route> routes;
  std::uint64_t routes_in_all = 0;  // there may be more than are told
  std::vector<checked_routes> checks;
  std::uint64_t drifts = 0;  // found since its start
};

/// To a topic shard, or without a topic to the wildcard index: who would get it? Without a topic:
/// what have the latest checks said? Answered once, after a few seconds at most, on any thread;
/// of the wildcard index with a report of each node.
struct route_question {
  std::string topic;
  std::function<void(std::vector<route_report>)> answer;
};

}  // namespace troupe::broker
