#include "actors/node/node.hpp"

#include <cstdlib>

#include <caf/system_messages.hpp>
#include <nlohmann/json.hpp>

#include "actors/broker/tell.hpp"
#include "actors/config/changes.hpp"
#include "actors/observe/log.hpp"
#include "actors/observe/figures/process_figures.hpp"
#include "actors/runtime/loop_coordinator.hpp"

namespace troupe::node {

using broker::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;

std::shared_ptr<const broker::broker_limits> limits_of(const config::configuration& from) {
  auto to = std::make_shared<broker::broker_limits>();
  const auto& l = from.limits;
  to->max_queued_messages = l.max_queued_messages;
  to->max_queued_bytes = l.max_queued_bytes;
  to->full_queue = l.queue_full_policy == config::queue_full_policy::drop_oldest
                       ? session::queue_policy::drop_oldest
                       : session::queue_policy::drop_newest;
  to->max_inflight = l.max_inflight;
  to->receive_maximum = l.receive_maximum;
  to->max_subscriptions = l.max_subscriptions_per_session;
  to->max_topic_levels = static_cast<std::uint16_t>(l.max_topic_levels);
  to->max_topic_alias = l.max_topic_alias;
  to->max_retained_messages = l.max_retained_messages;
  to->passivation_delay_ms = l.passivation_delay.count();
  to->max_keep_alive = static_cast<std::uint16_t>(l.max_keep_alive.count());
  to->max_session_expiry = static_cast<std::uint32_t>(l.max_session_expiry.count());
  return to;
}

std::shared_ptr<const broker::sharing_rules> sharing_of(const config::configuration& from) {
  // The two enumerations name the same, in the same order.
  static_assert(static_cast<int>(config::share_strategy::random) ==
                static_cast<int>(broker::share_strategy::random));
  const auto strategy = [](config::share_strategy named) {
    return static_cast<broker::share_strategy>(named);
  };
  auto to = std::make_shared<broker::sharing_rules>();
  to->strategy = strategy(from.shared_subscription.strategy);
  for (const auto& each : from.shared_subscription.groups)
    if (auto parsed = config::parse_group_strategy(each))
      to->groups.emplace(std::move(parsed->first), strategy(parsed->second));
  return to;
}

device::connect_limits connect_limits_of(const config::configuration& from) {
  const auto& l = from.limits;
  return {l.max_connects_in_progress, l.max_connect_rate, l.max_connect_lag.count()};
}

std::string transport_name(config::transport_kind kind) {
  switch (kind) {
    case config::transport_kind::tcp:
      return "tcp";
    case config::transport_kind::tls:
      return "tls";
    case config::transport_kind::ws:
      return "ws";
    case config::transport_kind::wss:
      return "wss";
    case config::transport_kind::unix_socket:
      return "unix";
  }
  return {};
}

node::node(caf::actor_config& cfg, node_parts parts)
    : lean_actor(cfg),
      parts_(std::move(parts)),
      drain_(parts_.context, parts_.device_loops, parts_.configuration->node.server_reference) {}

void node::receive(caf::mailbox_element& m) {
  if (auto* event = runtime::mutable_payload<device::client_came_or_went>(m)) {
    announce(*event);
  } else if (auto* question = runtime::mutable_payload<device::node_look>(m)) {
    look(std::move(question->answer));
  } else if (auto* asked = runtime::mutable_payload<device::node_drain>(m)) {
    using verb = observe::drain_request::verb;
    if (asked->request.what == verb::begin) drain_.begin(asked->request.order);
    if (asked->request.what == verb::end) drain_.end();
    asked->answer(drain_.figures());
  } else if (auto* wanted = runtime::mutable_payload<device::node_reload>(m)) {
    auto errors = reload(wanted->configuration);
    if (wanted->done) wanted->done(std::move(errors));
  } else if (auto* end = runtime::mutable_payload<device::node_stop>(m)) {
    stop(end->done);
  } else if (auto* work = runtime::mutable_payload<broker::deferred>(m)) {
    work->run();
  } else if (auto* down = runtime::mutable_payload<caf::down_msg>(m)) {
    if (parts_.context.stopping.load()) return;
    log_event(log_module::node, log_level::critical,
              "A shard failed: state in memory can no longer be trusted, the node ends",
              {{"actor", down->source.id()}, {"reason", caf::to_string(down->reason)}});
    observe::stop_logging();
    std::abort();
  }
}

void node::begin() {
  // Watch those without whom nothing works.
  started_at_ = loop().now();
  for (const auto& shard : parts_.context.topic_shards) monitor(shard);
  for (const auto& shard : parts_.context.session_shards) monitor(shard);
  monitor(parts_.context.wildcard_index);
  publish_sys();
  plan_sys();
}

void node::on_exit(const caf::error& reason) {
  if (home() == runtime::run_loop::current()) {
    if (scheduled()) home()->timers().cancel(*this);
    drain_.cancel();
  }
  parts_.listeners.clear();
  lean_actor::on_exit(reason);
}

std::vector<std::string> node::reload(
    const std::shared_ptr<const config::configuration>& wanted) {
  for (const auto& change : config::describe_changes(*parts_.configuration, *wanted)) {
    if (change.reloadable)
      log_event(log_module::config, log_level::info, "Changed", {{"key", change.key}});
    else
      log_event(log_module::config, log_level::warning, "Takes effect at the next start",
                {{"key", change.key}});
  }
  auto next = std::make_shared<config::configuration>(
      config::with_reloadable(*parts_.configuration, *wanted));
  auto loaded = load_access(*next, parts_.workers);
  if (!loaded.errors.empty()) {
    for (const auto& error : loaded.errors)
      log_event(log_module::config, log_level::error, "Reload refused, nothing was changed",
                {{"why", error}});
    return loaded.errors;
  }
  // Levels that were set in the running node stay unless the file has another one now.
  if (next->log.level != parts_.configuration->log.level)
    observe::set_log_level(static_cast<observe::log_level>(next->log.level));
  parts_.configuration = next;
  parts_.context.authorizer.set(loaded.value.authorizer);
  parts_.context.limits.set(limits_of(*next));
  parts_.context.sharing.set(sharing_of(*next));
  parts_.counts.gate->set(connect_limits_of(*next));
  parts_.reloaded(next, loaded.value.tokens);
  drain_.configured(next->node.server_reference);
  for (std::size_t i = 0; i < parts_.listeners.size() && i < loaded.value.listeners.size(); ++i) {
    parts_.listeners[i].settings = loaded.value.listeners[i];
    tell(parts_.listeners[i].actor, device::listener_reload{loaded.value.listeners[i]});
  }
  log_event(log_module::config, log_level::info, "Configuration reloaded");
  return {};
}

void node::stop(const std::function<void()>& told) {
  drain_.cancel();
  if (scheduled()) home()->timers().cancel(*this);
  for (const auto& l : parts_.listeners) tell(l.actor, device::listener_stop{});
  for (const auto& shard : parts_.context.session_shards) tell(shard, broker::shut_down{});
  told();
}

// --- $SYS ------------------------------------------------------------------------

void node::plan_sys() {
  const auto interval = parts_.configuration->sys.interval.count();
  if (interval > 0) loop().timers().schedule(*this, loop().now() + interval);
}

void node::on_timer() {
  if (parts_.context.stopping.load()) return;
  publish_sys();
  plan_sys();
}

void node::publish_sys() {
  if (parts_.configuration->sys.interval.count() == 0) return;
  look([self = broker::strong(*this), this](observe::snapshot now) {
    tell(self, broker::deferred{[this, now = std::move(now)] {
           if (parts_.context.stopping.load()) return;
           const auto changed = tree_.update(now, parts_.context.counters.totals(),
                                             observe::read_process_figures());
           for (const auto& value : changed) publish(value.topic, value.value, true);
         }});
  });
}

void node::publish(const std::string& topic, const std::string& payload, bool retain) {
  mqtt::message::fields f;
  f.topic = topic;
  f.payload = payload;
  f.retain = retain;
  f.received_at = runtime::run_loop::current()->wall();
  auto batch = std::make_shared<broker::publish_batch>();
  batch->items.emplace_back().body = mqtt::message::make(f);
  tell(parts_.context.topic_shard(topic), broker::publish_request{std::move(batch)});
}

void node::announce(const device::client_came_or_went& event) {
  const auto topic = "$SYS/brokers/" + parts_.configuration->node.name + "/clients/" +
                     event.client_id + (event.connected ? "/connected" : "/disconnected");
  // A client id may hold what a topic name may not.
  if (event.client_id.find_first_of("+#/") != std::string::npos) return;
  nlohmann::json body{{"clientid", event.client_id}, {"username", event.username}};
  body["ts"] = runtime::run_loop::current()->wall();
  if (event.connected)
    body["ipaddress"] = event.address;
  else
    body["reason"] = event.why;
  publish(topic, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), false);
}

}  // namespace troupe::node
