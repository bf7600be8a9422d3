#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/config/configuration.hpp"
#include "actors/device/interfaces.hpp"
#include "actors/device/device_loop.hpp"
#include "actors/node/access.hpp"
#include "actors/node/drain.hpp"
#include "actors/observe/sys_tree.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"

namespace troupe::node {

/// A listener as the node knows it.
struct open_listener {
  config::listener_configuration configured;
  std::string address;  // as bound
  std::uint16_t port = 0;
  device::listener_actor actor;
  std::shared_ptr<std::atomic<std::uint64_t>> connections;
  std::shared_ptr<const device::listener_settings> settings;  // in force
};

/// "tcp", "tls", "ws", "wss" or "unix".
std::string transport_name(config::transport_kind kind);

/// What a node actor is made of.
struct node_parts {
  broker::broker_context& context;
  device::connection_counts& counts;
  const std::vector<std::unique_ptr<device::device_loop>>& device_loops;
  std::vector<open_listener> listeners;
  std::shared_ptr<const config::configuration> configuration;
  std::shared_ptr<auth::password_workers> workers;
  /// Told what is in force after a reload, on the node's loop.
  std::function<void(std::shared_ptr<const config::configuration>,
                     std::shared_ptr<const auth::admin_tokens>)>
      reloaded;
};

/// Session limits as the configuration has them.
std::shared_ptr<const broker::broker_limits> limits_of(const config::configuration& from);
std::shared_ptr<const broker::sharing_rules> sharing_of(const config::configuration& from);

/// How many CONNECTs are taken in, as the configuration has it.
device::connect_limits connect_limits_of(const config::configuration& from);

/// Supervises the node: a shard or the wildcard index that dies is a broken
/// invariant and ends the process; listeners are told of reloads; `$SYS` is
/// published; figures are gathered; clients are drained. On the first run loop, as long as the node.
class node final : public runtime::lean_actor, private runtime::timer_entry {
 public:
  node(caf::actor_config& cfg, node_parts parts);
  const char* name() const override { return "node"; }

  /// Once, in its first turn, when every shard is there.
  void begin();

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  /// Why nothing was changed, or nothing.
  std::vector<std::string> reload(const std::shared_ptr<const config::configuration>& wanted);
  void stop(const std::function<void()>& told);
  /// Gathers figures and answers, on the thread of any run loop.
  void look(std::function<void(observe::snapshot)> answer);
  observe::snapshot own_figures();
  void publish_sys();
  void publish(const std::string& topic, const std::string& payload, bool retain);
  void announce(const device::client_came_or_went& event);
  void plan_sys();
  void on_timer() override;

  node_parts parts_;
  drain drain_;
  observe::sys_tree tree_;
  std::int64_t started_at_ = 0;
};

}  // namespace troupe::node
