// What a node answers by HTTP.
#include "actors/broker/tell.hpp"
#include "actors/config/changes.hpp"
#include "actors/node/node_routes.hpp"
#include "actors/node/node_runtime_parts.hpp"
#include "actors/node/version.hpp"
#include "actors/observe/api/open_api.hpp"
#include "actors/observe/http/admin_routes.hpp"
#include "actors/observe/http/cluster_routes.hpp"
#include "actors/observe/log.hpp"
#include "actors/observe/routes/backup/backup_routes.hpp"
#include "actors/observe/routes/config_routes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"
#include "actors/observe/routes/log_routes.hpp"
#include "actors/observe/routes/route_routes.hpp"
#include "actors/observe/routes/shard_routes.hpp"
#include "actors/runtime/loop_coordinator.hpp"

#include <chrono>
#include <filesystem>

namespace troupe::node {

using broker::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;

namespace {

// sockaddr_un's, with the byte that ends it.
constexpr std::size_t longest_socket_path = 107;

observe::config_outcome outcome_of(const config::configuration& in_force,
                                   const config::load_result& read) {
  observe::config_outcome outcome;
  for (const auto& each : read.problems) outcome.problems.push_back(config::to_string(each));
  if (!read.ok()) return outcome;
  for (auto& each : config::describe_changes(in_force, read.value))
    outcome.changes.push_back({std::move(each.key), each.reloadable});
  return outcome;
}

}  // namespace

/// Empty: none.
std::string node_runtime::parts::admin_socket() const {
  const auto& wanted = configuration->http.socket;
  if (wanted == "off") return {};
  const auto path = std::filesystem::path(configuration->node.data_dir) / wanted;
  if (path.native().size() <= longest_socket_path) return path.native();
  log_event(log_module::admin, log_level::warning,
            "The path of the admin socket is too long: there is none; set http.socket",
            {{"path", path.native()}});
  return {};
}

observe::config_source node_runtime::parts::config_source() {
  observe::config_source source;
  // The node and the endpoint are on one loop, so that in_force needs no lock.
  source.show = [this] {
    std::vector<observe::config_key_view> keys;
    for (auto& each : config::show_all(*in_force))
      keys.push_back(
          {std::move(each.key), std::move(each.value), each.is_default, each.reloadable});
    return keys;
  };
  source.read = [this](bool apply, std::function<void(observe::config_outcome)> answer) {
    if (!read_configuration) return answer({{"This node was not made from a file."}, {}, false});
    if (context->stopping.load()) return answer({{"The node is stopping."}, {}, false});
    // Files are read on a thread that may wait for the disk.
    ++readings;
    auto done = std::shared_ptr<void>(nullptr, [this](void*) { --readings; });
    auto work = [this, now = in_force, apply, answer, done = std::move(done)](bool run) {
      if (!run) return;
      auto read = read_configuration();
      auto outcome = outcome_of(*now, read);
      if (!apply || !outcome.problems.empty()) return answer(std::move(outcome));
      auto wanted = std::make_shared<const config::configuration>(std::move(read.value));
      tell(node, device::node_reload{std::move(wanted),
                                     [outcome, answer](std::vector<std::string> errors) {
                                       auto told = outcome;
                                       told.problems = std::move(errors);
                                       told.applied = told.problems.empty();
                                       answer(std::move(told));
                                     }});
    };
    if (!workers->submit(work)) answer({{"The node has too much to do; try again."}, {}, false});
  };
  return source;
}

std::string node_runtime::parts::serve_http() {
  if (!configuration->http.enabled) return {};
  auto& loop = context->loops.loop(0);
  observe::admin_sources sources;
  sources.take = [this](std::function<void(observe::snapshot)> answer) {
    if (!cluster) return tell(node, device::node_look{std::move(answer)});
    cluster->look([this, answer = std::move(answer)](observe::cluster_figures seen) {
      tell(node, device::node_look{[seen = std::move(seen), answer](observe::snapshot now) {
             now.cluster = seen;
             answer(std::move(now));
           }});
    });
  };
  sources.counters = [this] { return counters->totals(); };
  sources.ready = [this] {
    observe::readiness r;
    r.ready = true;
    if (context->stopping.load()) r.reasons.push_back("The node is stopping");
    if (context->draining.load()) r.reasons.push_back("The node is draining");
    if (!store->current().writable) r.reasons.push_back("The store cannot be written");
    if (cluster) {
      for (auto& each : cluster->reasons()) r.reasons.push_back(std::move(each));
    }
    r.ready = r.reasons.empty();
    return r;
  };
  sources.drain = [this](observe::drain_request request,
                         std::function<void(observe::drain_figures)> answer) {
    tell(node, device::node_drain{std::move(request), std::move(answer)});
  };
  observe::http_settings settings;
  settings.address =
      configuration->http.bind.host == "localhost" ? "127.0.0.1" : configuration->http.bind.host;
  settings.port = configuration->http.bind.port;
  settings.tokens = tokens;
  settings.socket = admin_socket();
  settings.post = [&loop](std::function<void()> answer) { loop.post(std::move(answer)); };
  std::string error = "The run loop did not answer";
  on_loop(loop, [&] {
    observe::http_router routes;
    observe::add_admin_routes(routes, std::move(sources));
    observe::add_cluster_routes(routes, cluster ? cluster->source() : nullptr);
    observe::add_shard_routes(routes, cluster ? cluster->source() : nullptr, nodes);
    observe::add_log_routes(routes);
    observe::add_config_routes(routes, config_source());
    observe::add_backup_routes(routes, nodes, cluster ? cluster->source() : nullptr);
    observe::add_route_routes(routes,
                              make_route_source(*context, cluster ? cluster->source() : nullptr));
    observe::add_actor_routes(routes, nodes);
    observe::add_client_routes(routes, nodes);
    observe::add_queue_routes(routes, nodes);
    observe::add_topic_routes(routes, nodes);
    observe::add_top_routes(routes, nodes);
    observe::add_storage_routes(routes, nodes);
    observe::add_ban_routes(routes, nodes);
    observe::add_retained_routes(routes, nodes);
    observe::add_trace_routes(routes, nodes);
    observe::add_open_api_route(routes, version);
    http =
        std::make_unique<observe::http_endpoint>(loop.io(), std::move(settings), std::move(routes));
    error = http->start();
    http_port = http->port();
  });
  return error;
}

}  // namespace troupe::node
