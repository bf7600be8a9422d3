// Private to node_runtime: what a node consists of.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>

#include "actors/broker/context.hpp"
#include "actors/device/device_loop.hpp"
#include "actors/node/cluster_parts.hpp"
#include "actors/node/node.hpp"
#include "actors/node/node_runtime.hpp"
#include "actors/observe/http/http_endpoint.hpp"
#include "actors/runtime/runtime_options.hpp"
#include "storage/rocks_store.hpp"

namespace troupe::node {

// Members are destroyed from the last to the first: nothing may outlive what it uses.
struct node_runtime::parts {
  std::shared_ptr<const config::configuration> configuration;
  std::unique_ptr<storage::rocks_store> store;
  std::shared_ptr<auth::password_workers> workers;
  runtime::runtime_config system_configuration;
  std::unique_ptr<observe::counter_set> counters;
  device::connection_counts counts;
  std::unique_ptr<broker::broker_context> context;
  std::unique_ptr<cluster_parts> cluster;  // null: the node runs alone
  std::unique_ptr<caf::actor_system> system;
  std::vector<std::unique_ptr<device::device_loop>> device_loops;
  std::unique_ptr<observe::http_endpoint> http;
  device::node_actor node;
  std::vector<open_listener> listeners;
  std::uint16_t http_port = 0;
  bool started = false;
  std::mutex end_mutex;
  std::string end_reason;

  std::string open_store();
  void must_end(std::string why);
  void make_actors();
  std::string restore();
  std::string listen(const access& rights);
  std::string serve_http();
  void start_node();
};

}  // namespace troupe::node
