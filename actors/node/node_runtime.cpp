#include "actors/node/node_runtime.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <thread>

#include <caf/actor_system.hpp>

#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"
#include "actors/broker/wildcard_index.hpp"
#include "actors/device/connection.hpp"
#include "actors/device/listener.hpp"
#include "actors/node/node.hpp"
#include "actors/observe/http/admin_routes.hpp"
#include "actors/observe/http/cluster_routes.hpp"
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

// A start that restores longer than this is stuck.
constexpr auto restore_timeout = std::chrono::minutes(10);
constexpr auto loop_timeout = std::chrono::seconds(30);

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

std::uint64_t new_run_id() {
  std::random_device source;
  return (std::uint64_t{source()} << 32 | source()) | 1;
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

// Members are destroyed from the last to the first: nothing may outlive what it uses.
struct node_runtime::parts {
  std::shared_ptr<const config::configuration> configuration;
  std::unique_ptr<storage::rocks_store> store;
  std::shared_ptr<auth::password_workers> workers;
  runtime::runtime_config system_configuration;
  std::unique_ptr<observe::counter_set> counters;
  device::connection_counts counts;
  std::unique_ptr<broker::broker_context> context;
  std::unique_ptr<caf::actor_system> system;
  std::vector<std::unique_ptr<device::device_loop>> device_loops;
  std::unique_ptr<observe::http_endpoint> http;
  device::node_actor node;
  std::vector<open_listener> listeners;
  std::uint16_t http_port = 0;
  bool started = false;

  std::string open_store();
  void make_actors();
  std::string restore();
  std::string listen(const access& rights);
  std::string serve_http();
  void start_node();
};

node_runtime::node_runtime(std::shared_ptr<const config::configuration> from)
    : parts_(std::make_unique<parts>()) {
  parts_->configuration = std::move(from);
}

node_runtime::~node_runtime() { stop(); }

std::string node_runtime::start() {
  auto& p = *parts_;
  if (p.configuration->cluster.enabled())
    return "cluster.listen is set, but this version cannot run as a node of a cluster yet";
  p.counts.limit = connection_limit(*p.configuration);
  p.workers = std::make_shared<auth::password_workers>(
      std::max(1U, std::thread::hardware_concurrency() / 2), 4096);
  auto rights = load_access(*p.configuration, p.workers);
  if (!rights.errors.empty()) return rights.errors.front();
  if (auto error = p.open_store(); !error.empty()) return error;
  p.make_actors();
  p.context->authorizer.set(rights.value.authorizer);
  if (auto error = p.restore(); !error.empty()) return error;
  if (auto error = p.listen(rights.value); !error.empty()) return error;
  p.start_node();
  p.started = true;
  return p.serve_http();
}

std::string node_runtime::parts::open_store() {
  std::error_code error;
  std::filesystem::create_directories(configuration->node.data_dir, error);
  if (error)
    return "Cannot make the data directory " + configuration->node.data_dir + ": " +
           error.message();
  storage::store_options options;
  options.directory = configuration->node.data_dir;
  options.shards = static_cast<std::uint16_t>(configuration->node.shards);
  options.durability = configuration->durability.mode == config::durability_mode::fsync
                           ? storage::durability::fsync
                           : storage::durability::process;
  options.cache_bytes = configuration->durability.cache_size;
  options.retained_memory = configuration->durability.retained_memory;
  const auto shards = options.shards;
  options.shard_of = [shards](std::string_view topic) { return cluster::shard_of(topic, shards); };
  options.report = [](std::string_view sentence) {
    log_event(log_module::storage, log_level::warning, sentence);
  };
  auto opened = storage::open_store(std::move(options));
  store = std::move(opened.store);
  return store ? std::string{} : opened.error;
}

void node_runtime::parts::make_actors() {
  auto& options = system_configuration.runtime;
  options.loops = configuration->node.run_loops;
  options.on_failure = [](const runtime::failure& f) {
    log_event(log_module::runtime, log_level::error, "An actor failed",
              {{"where", f.where}, {"actor", f.actor_id}, {"why", f.sentence}});
  };
  options.on_stopped = [this] {
    node = nullptr;
    listeners.clear();
    if (!context) return;
    context->client_event = nullptr;
    context->release_handles();
  };
  system = std::make_unique<caf::actor_system>(system_configuration);
  auto& loops = runtime::loop_coordinator::of(*system);
  counters = std::make_unique<observe::counter_set>(loops.loops());
  context = std::make_unique<broker::broker_context>(*system, loops, *store, *counters);
  context->limits.set(limits_of(*configuration));
  context->run_id = new_run_id();
  auto& c = *context;
  c.wildcard_index = caf::actor_cast<broker::wildcard_index_actor>(
      runtime::spawn_lean<broker::wildcard_index>(*system, &loops.loop(0), c));
  for (std::uint16_t i = 0; i < store->shards(); ++i) {
    const auto shard = static_cast<shard_id>(i);
    c.topic_shards.push_back(
        caf::actor_cast<broker::topic_shard_actor>(runtime::spawn_lean<broker::topic_shard>(
            *system, nullptr, c, shard, store->next_offset(shard))));
  }
  for (unsigned i = 0; i < loops.loops(); ++i)
    device_loops.push_back(std::make_unique<device::device_loop>(c, loops.loop(i), counts));
}

std::string node_runtime::parts::restore() {
  auto& c = *context;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  try {
    for (std::uint16_t i = 0; i < store->shards(); ++i) {
      const auto shard = static_cast<shard_id>(i);
      auto handle = runtime::spawn_lean<broker::session_shard>(
          *system, &c.loops.loop(i % c.loops.loops()), c, shard, store->next_session_count(shard));
      auto& actor = *static_cast<broker::session_shard*>(
          caf::actor_cast<caf::abstract_actor*>(handle));
      c.session_shards.push_back(caf::actor_cast<broker::session_shard_actor>(handle));
      std::map<session_id, std::vector<storage::subscription_record>> subscriptions;
      store->each_subscription(shard, [&](session_id id, storage::subscription_record s) {
        subscriptions[id].push_back(std::move(s));
      });
      store->each_session(shard, [&](storage::session_record r) {
        auto found = subscriptions.extract(r.id);
        actor.restore(std::move(r), found.empty() ? std::vector<storage::subscription_record>{}
                                                  : std::move(found.mapped()),
                      now);
      });
    }
  } catch (const std::exception& e) {
    return e.what();
  }
  // Devices come in only when every restored filter is in force.
  auto all_in = std::make_shared<std::promise<void>>();
  auto done = all_in->get_future();
  tell(c.wildcard_index, broker::deferred{[all_in] { all_in->set_value(); }});
  if (done.wait_for(restore_timeout) != std::future_status::ready)
    return "Restoring the subscriptions took too long";
  for (const auto& shard : c.session_shards) tell(shard, broker::wake_session{});
  return {};
}

std::string node_runtime::parts::listen(const access& rights) {
  auto& loops = context->loops;
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
          *system, &loop, device_loops, std::move(acceptor), rights.listeners[i], count);
      auto* actor =
          static_cast<device::listener*>(caf::actor_cast<caf::abstract_actor*>(handle));
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
  auto set_http_token = [this](const std::string& token) {
    if (http) http->set_token(token);
  };
  node_parts made{*context, counts, device_loops, listeners, configuration, workers, set_http_token};
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

std::string node_runtime::parts::serve_http() {
  if (!configuration->http.enabled) return {};
  auto& loop = context->loops.loop(0);
  observe::admin_sources sources;
  sources.take = [this](std::function<void(observe::snapshot)> answer) {
    tell(node, device::node_look{std::move(answer)});
  };
  sources.counters = [this] { return counters->totals(); };
  sources.ready = [this] {
    observe::readiness r;
    r.ready = true;
    if (context->stopping.load()) r.reasons.push_back("The node is stopping");
    if (context->draining.load()) r.reasons.push_back("The node is draining");
    if (!store->current().writable) r.reasons.push_back("The store cannot be written");
    r.ready = r.reasons.empty();
    return r;
  };
  sources.drain = [this](observe::drain_request request,
                         std::function<void(observe::drain_figures)> answer) {
    tell(node, device::node_drain{std::move(request), std::move(answer)});
  };
  observe::http_settings settings;
  settings.address = configuration->http.bind.host == "localhost" ? "127.0.0.1"
                                                                   : configuration->http.bind.host;
  settings.port = configuration->http.bind.port;
  settings.token = configuration->http.token;
  settings.post = [&loop](std::function<void()> answer) { loop.post(std::move(answer)); };
  std::string error = "The run loop did not answer";
  on_loop(loop, [&] {
    observe::http_router routes;
    observe::add_admin_routes(routes, std::move(sources));
    observe::add_cluster_routes(routes, nullptr);
    http = std::make_unique<observe::http_endpoint>(loop.io(), std::move(settings),
                                                    std::move(routes));
    error = http->start();
    http_port = http->port();
  });
  return error;
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
  return all;
}

void node_runtime::reload(std::shared_ptr<const config::configuration> wanted) {
  tell(parts_->node, device::node_reload{std::move(wanted)});
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
  p.store->close();  // everything that was given is written
  for (unsigned i = 0; i < loops.loops(); ++i)
    on_loop(loops.loop(i), [&p, i] { p.device_loops[i].reset(); });
  p.system.reset();
}

}  // namespace troupe::node
