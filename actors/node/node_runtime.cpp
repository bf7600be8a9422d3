#include "actors/node/node_runtime_parts.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include <caf/actor_system.hpp>

#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"
#include "actors/broker/wildcard_index.hpp"
#include "actors/device/connection.hpp"
#include "actors/device/listener.hpp"
#include "actors/node/cluster_parts.hpp"
#include "actors/node/node.hpp"
#include "actors/observe/http/http_endpoint.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "cluster/shard_hash.hpp"
#include "storage/rocks_store.hpp"

namespace troupe::node {

using broker::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;

namespace {

// Of an orderly stop, for others to take over.
constexpr auto give_away_limit = std::chrono::seconds(3);

net::endpoint endpoint_of(const config::listener_configuration& from) {
  net::endpoint to;
  if (from.transport == config::transport_kind::unix_socket) {
    to.type = net::endpoint::kind::unix;
    to.path = from.unix_path;
    to.mode = from.unix_mode;
    return to;
  }
  to.address = from.bind.host == "localhost" ? "127.0.0.1" : from.bind.host;
  to.port = from.bind.port;
  return to;
}

/// Descriptors that connections may use; some are left for the store and HTTP.
std::uint64_t connection_limit(const config::configuration& from) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
  }
  const std::uint64_t reserve = 512;
  const std::uint64_t most = files.rlim_cur > 2 * reserve ? files.rlim_cur - reserve : reserve;
  return from.limits.max_connections == 0
             ? most
             : std::min<std::uint64_t>(most, from.limits.max_connections);
}

}  // namespace

node_runtime::node_runtime(std::shared_ptr<const config::configuration> from,
                           std::function<config::load_result()> read)
    : parts_(std::make_unique<parts>()) {
  parts_->configuration = std::move(from);
  parts_->read_configuration = std::move(read);
}

node_runtime::~node_runtime() { stop(); }

std::string node_runtime::start() {
  auto& p = *parts_;
  if (p.configuration->cluster.enabled()) {
    p.cluster = std::make_unique<cluster_parts>(
        p.configuration, [&p](std::string why) { p.must_end(std::move(why)); });
    if (auto error = p.cluster->prepare(p.system_configuration); !error.empty()) return error;
  }
  p.counts.limit = connection_limit(*p.configuration);
  p.workers = std::make_shared<auth::password_workers>(
      std::max(1U, std::thread::hardware_concurrency() / 2), 4096);
  auto rights = load_access(*p.configuration, p.workers);
  if (!rights.errors.empty()) return rights.errors.front();
  if (auto error = p.open_store(); !error.empty()) return error;
  if (p.cluster) {
    if (auto error = p.cluster->open(*p.store); !error.empty()) return error;
  }
  p.make_actors();
  if (auto error = p.bans->load(); !error.empty()) return error;
  p.context->authorizer.set(rights.value.authorizer);
  p.tokens = rights.value.tokens;
  if (auto error = p.restore(); !error.empty()) return error;
  if (p.cluster) {
    if (auto error = p.cluster->start(); !error.empty()) return error;
  }
  if (auto error = p.listen(rights.value); !error.empty()) return error;
  p.start_node();
  p.started = true;
  return p.serve_http();
}

/// Main waits for signals.
void node_runtime::parts::must_end(std::string why) {
  {
    const std::lock_guard lock(end_mutex);
    if (end_reason.empty()) end_reason = std::move(why);
  }
  ::kill(::getpid(), SIGTERM);
}

std::string node_runtime::end_reason() const {
  const std::lock_guard lock(parts_->end_mutex);
  return parts_->end_reason;
}

std::string node_runtime::parts::listen(const access& rights) {
  auto& loops = context->loops;
  if (cluster && configuration->cluster.witness) return {};  // it takes no devices
  for (std::size_t i = 0; i < configuration->listeners.size(); ++i) {
    const auto& wanted = configuration->listeners[i];
    auto& loop = loops.loop(static_cast<unsigned>(i) % loops.loops());
    auto count = std::make_shared<std::atomic<std::uint64_t>>(0);
    std::string error = "The run loop did not answer";
    open_listener made{wanted, {}, 0, {}, count, rights.listeners[i]};
    on_loop(loop, [&] {
      auto acceptor = std::make_unique<net::acceptor>(
          net::loop_context{loop.io(), loop.scratch()});
      auto* raw = acceptor.get();
      auto handle = runtime::spawn_lean<device::listener>(
          *system, &loop, device_loops, std::move(acceptor), rights.listeners[i], count, *context,
          *counts.gate);
      auto* actor =
          static_cast<device::listener*>(caf::actor_cast<caf::abstract_actor*>(handle));
      raw->set_gate([actor] { return actor->may_enter(); });
      error = raw->open(endpoint_of(wanted), [actor](int fd, std::string peer, bool loopback) {
        actor->accepted(fd, std::move(peer), loopback);
      });
      made.actor = caf::actor_cast<device::listener_actor>(handle);
      made.port = raw->port();
    });
    if (!error.empty()) return error;
    made.address = wanted.transport == config::transport_kind::unix_socket
                       ? wanted.unix_path
                       : config::to_string(config::endpoint{wanted.bind.host, made.port});
    listeners.push_back(std::move(made));
  }
  return {};
}

void node_runtime::parts::start_node() {
  // Node and endpoint live on one loop; the endpoint comes later and goes earlier.
  auto reloaded = [this](std::shared_ptr<const config::configuration> now,
                         std::shared_ptr<const auth::admin_tokens> shown) {
    in_force = std::move(now);
    if (http) http->set_tokens(std::move(shown));
  };
  in_force = configuration;
  node_parts made{*context, counts, device_loops, listeners, configuration, workers, reloaded};
  auto handle =
      runtime::spawn_lean<troupe::node::node>(*system, &context->loops.loop(0), std::move(made));
  node = caf::actor_cast<device::node_actor>(handle);
  if (configuration->sys.interval.count() > 0)
    context->client_event = [target = caf::actor_cast<caf::strong_actor_ptr>(handle)](
                                bool connected, const std::string& client_id,
                                const std::string& username, const std::string& address,
                                std::string_view why) {
      tell(target, device::client_came_or_went{connected, client_id, username, address,
                                               std::string(why)});
    };
  auto* actor = static_cast<troupe::node::node*>(caf::actor_cast<caf::abstract_actor*>(handle));
  tell(caf::actor_cast<caf::strong_actor_ptr>(handle),
       broker::deferred{[actor] { actor->begin(); }});
}

std::vector<node_runtime::listening> node_runtime::listeners() const {
  std::vector<listening> all;
  for (const auto& l : parts_->listeners) {
    const bool path = l.configured.transport == config::transport_kind::unix_socket;
    all.push_back({l.configured.name, transport_name(l.configured.transport),
                   path ? l.configured.unix_path : l.configured.bind.host, l.port});
  }
  if (parts_->http)
    all.push_back({"http", "http", parts_->configuration->http.bind.host, parts_->http_port});
  if (parts_->cluster)
    all.push_back({"cluster", "cluster", parts_->configuration->cluster.listen->host,
                   parts_->cluster->port()});
  return all;
}

void node_runtime::reload(std::shared_ptr<const config::configuration> wanted) {
  tell(parts_->node, device::node_reload{std::move(wanted), {}});
}

void node_runtime::stop() {
  auto& p = *parts_;
  if (!p.system) {
    if (p.store) p.store->close();
    return;
  }
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + p.configuration->node.shutdown_timeout;
  p.context->stopping.store(true);
  if (p.cluster) p.cluster->give_away(std::min(deadline, clock::now() + give_away_limit));
  if (p.started) {
    auto told = std::make_shared<std::promise<void>>();
    auto done = told->get_future();
    tell(p.node, device::node_stop{[told] { told->set_value(); }});
    done.wait_until(deadline);
    // Sessions say goodbye to their clients; sockets close when that is sent.
    while (clock::now() < deadline && p.context->connected.load() > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  auto& loops = p.context->loops;
  for (unsigned i = 0; i < loops.loops(); ++i)
    on_loop(loops.loop(i), [&p, i] { p.device_loops[i]->close_all(); });
  while (clock::now() < deadline && p.counts.open.load() > 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  on_loop(loops.loop(0), [&p] { p.http.reset(); });
  while (clock::now() < deadline && p.readings.load() > 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  p.bans->finish();
  if (p.cluster) p.cluster->stop();
  p.store->close();  // everything that was given is written
  for (unsigned i = 0; i < loops.loops(); ++i)
    on_loop(loops.loop(i), [&p, i] { p.device_loops[i].reset(); });
  p.system.reset();
}

}  // namespace troupe::node
