// Private to node_runtime: what a node consists of.
#pragma once

#include "actors/broker/context.hpp"
#include "actors/broker/inspect/all_nodes.hpp"
#include "actors/broker/inspect/ban_keeper.hpp"
#include "actors/broker/trace/tracer.hpp"
#include "actors/device/device_loop.hpp"
#include "actors/node/cluster_parts.hpp"
#include "actors/node/node.hpp"
#include "actors/node/node_runtime.hpp"
#include "actors/observe/http/http_endpoint.hpp"
#include "actors/observe/routes/config_routes.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "actors/runtime/runtime_options.hpp"
#include "storage/rocks_store.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::node {

inline constexpr auto loop_timeout = std::chrono::seconds(30);

/// Runs `work` on a run loop and waits for it. Main thread only. False: the loop did not get to it.
template <class Work>
bool on_loop(runtime::run_loop& loop, Work work) {
  auto ran = std::make_shared<std::promise<void>>();
  auto done = ran->get_future();
  if (!loop.post([work = std::move(work), ran]() mutable {
        work();
        ran->set_value();
      }))
    return false;
  return done.wait_for(loop_timeout) == std::future_status::ready;
}

// Members are destroyed from the last to the first: nothing may outlive what it uses.
struct node_runtime::parts {
  std::shared_ptr<const config::configuration> configuration;
  std::unique_ptr<storage::rocks_store> store;
  std::shared_ptr<auth::password_workers> workers;
  runtime::runtime_config system_configuration;
  std::unique_ptr<observe::counter_set> counters;
  device::connection_counts counts;
  std::unique_ptr<broker::broker_context> context;
  std::unique_ptr<broker::ban_keeper> bans;
  std::unique_ptr<broker::tracer> traces;
  std::unique_ptr<broker::inspector> inspector;
  std::shared_ptr<broker::all_nodes> nodes;  // asks the inspectors of all
  std::unique_ptr<cluster_parts> cluster;  // null: the node runs alone
  std::unique_ptr<caf::actor_system> system;
  std::vector<std::unique_ptr<device::device_loop>> device_loops;
  std::unique_ptr<observe::http_endpoint> http;
  device::node_actor node;
  std::vector<open_listener> listeners;
  std::uint16_t http_port = 0;
  std::shared_ptr<const auth::admin_tokens> tokens;  // as at the start
  std::shared_ptr<const config::configuration> in_force;  // on the node's loop
  std::function<config::load_result()> read_configuration;  // may be empty
  std::atomic<unsigned> readings{0};  // of the configuration, on other threads; stop() waits
  bool started = false;
  std::mutex end_mutex;
  std::string end_reason;

  std::string open_store();
  void must_end(std::string why);
  void make_actors();
  void make_inspector();
  void add_storage_questions();
  std::string restore();
  std::string listen(const access& rights);
  std::string serve_http();
  std::string admin_socket() const;
  observe::config_source config_source();
  void start_node();
};

}  // namespace troupe::node
