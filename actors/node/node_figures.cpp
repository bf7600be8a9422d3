// What a node shows of itself: its own figures at once, those of the sessions
// from their shards.
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/node/node.hpp"
#include "actors/node/version.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/net/tls_context.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace troupe::node {

using broker::tell;

namespace {

template <class Handle>
std::uint64_t mailbox_depth(const Handle& handle) {
  const auto* actor = caf::actor_cast<caf::abstract_actor*>(handle);
  return actor ? static_cast<const runtime::lean_actor*>(actor)->mailbox_depth() : 0;
}

template <class Handles>
observe::actor_figures figures_of(const char* name, const Handles& handles) {
  observe::actor_figures sum{name};
  for (const auto& handle : handles) {
    const auto depth = mailbox_depth(handle);
    ++sum.count;
    sum.mailbox += depth;
    sum.deepest = std::max(sum.deepest, depth);
  }
  return sum;
}

/// A snapshot on its way through the session shards; the last one sends it off.
class gathering {
 public:
  gathering(observe::snapshot own, std::size_t shards,
            std::function<void(observe::snapshot)> answer)
      : whole_(std::move(own)), left_(shards), answer_(std::move(answer)) {
    sessions_.name = "session";
  }

  void add(const broker::session_shard::figures& part) {
    {
      const std::lock_guard lock(mutex_);
      whole_.sessions_passivated += part.asleep;
      whole_.queued_messages += part.owed;
      whole_.owed_backlog_bytes += part.owed_bytes;
      sessions_.mailbox += part.mailbox;
      sessions_.deepest = std::max(sessions_.deepest, part.deepest);
      if (--left_ != 0) return;
    }
    // Both are counted while sessions come and go: never below zero.
    sessions_.count = whole_.sessions > whole_.sessions_passivated
                          ? whole_.sessions - whole_.sessions_passivated
                          : 0;
    whole_.actors.push_back(std::move(sessions_));
    answer_(std::move(whole_));
  }

 private:
  std::mutex mutex_;
  observe::snapshot whole_;
  observe::actor_figures sessions_;
  std::size_t left_;
  std::function<void(observe::snapshot)> answer_;
};

}  // namespace

void node::look(std::function<void(observe::snapshot)> answer) {
  auto& context = parts_.context;
  // A node that stops takes its shards apart.
  if (context.stopping.load() || context.session_shards.empty()) return answer(own_figures());
  const auto whole =
      std::make_shared<gathering>(own_figures(), context.session_shards.size(), std::move(answer));
  for (const auto& shard : context.session_shards) {
    const auto* actor =
        static_cast<const broker::session_shard*>(caf::actor_cast<caf::abstract_actor*>(shard));
    tell(shard, broker::deferred{[whole, actor] { whole->add(actor->look()); }});
  }
}

observe::snapshot node::own_figures() {
  auto& context = parts_.context;
  const auto stored = context.store.current();
  observe::snapshot s;
  s.node = parts_.configuration->node.name;
  s.version = version;
  s.uptime_seconds =
      static_cast<double>(runtime::run_loop::current()->now() - started_at_) / 1000.0;
  s.connections = parts_.counts.open.load();
  s.connections_maximum = parts_.counts.maximum.load();
  s.connections_limit = parts_.counts.limit;
  s.latencies = context.counters.latencies();
  s.connects = parts_.counts.gate->look(runtime::run_loop::current()->now());
  s.sessions = context.sessions.load();
  s.sessions_connected = context.connected.load();
  s.sessions_connected_maximum = context.connected_maximum.load();
  s.sessions_durable = context.durable_sessions.load();
  s.subscriptions = context.subscriptions.load();
  s.subscriptions_shared = context.shared_subscriptions.load();
  s.retained = stored.retained;
  s.retained_refused = stored.retained_refused;
  s.log_bodies = stored.bodies;
  s.store = {stored.commits, stored.groups, stored.backlog_bytes, stored.writable};
  s.drain = drain_.figures();
  for (const auto& l : parts_.listeners)
    s.listeners.push_back({l.configured.name, l.address, transport_name(l.configured.transport),
                           l.connections->load(), l.configured.max_connections});
  for (const auto& l : parts_.listeners) {
    if (!l.settings || !l.settings->transport.tls) continue;
    const auto end = l.settings->transport.tls->certificate_expiry();
    s.certificates.push_back({l.configured.name, std::chrono::system_clock::to_time_t(end)});
  }
  for (unsigned i = 0; i < context.loops.loops(); ++i) {
    const auto& stats = context.loops.loop(i).stats();
    s.run_loops.push_back({static_cast<double>(stats.busy_ns.get()) / 1e9,
                           static_cast<double>(stats.lag_ns.get()) / 1e9,
                           stats.queue_length.get()});
  }
  if (context.stopping.load()) return s;
  s.actors.push_back({name(), 1, mailbox_depth(), mailbox_depth()});
  std::vector<device::listener_actor> listeners;
  for (const auto& l : parts_.listeners) listeners.push_back(l.actor);
  s.actors.push_back(figures_of("listener", listeners));
  s.actors.push_back(figures_of("topic_shard", context.topic_shards));
  s.actors.push_back(figures_of("wildcard_index", std::vector{context.wildcard_index}));
  s.actors.push_back(figures_of("session_shard", context.session_shards));
  return s;
}

}  // namespace troupe::node
