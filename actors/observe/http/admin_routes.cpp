#include "actors/observe/http/admin_routes.hpp"

#include "actors/observe/exposition.hpp"
#include "actors/observe/process_figures.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;

/// Names come from configuration files and may be badly encoded: never throw.
http_response json_response(unsigned status, const json& body) {
  http_response response;
  response.status = status;
  response.body = body.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return response;
}

json listeners_of(const snapshot& now) {
  auto list = json::array();
  for (const auto& each : now.listeners) {
    list.push_back({{"name", each.name},
                    {"kind", each.kind},
                    {"address", each.address},
                    {"connections", each.connections},
                    {"limit", each.limit}});
  }
  return list;
}

json status_of(const snapshot& now, const counter_values& counters, const readiness& state) {
  const auto sum = [&](counter first, unsigned rows) {
    std::uint64_t total = 0;
    for (unsigned i = 0; i < rows; ++i) total += counters[index(after(first, i))];
    return total;
  };
  return {
      {"node", now.node},
      {"version", now.version},
      {"uptime_seconds", static_cast<std::uint64_t>(now.uptime_seconds)},
      {"ready", state.ready},
      {"reasons", state.reasons},
      {"listeners", listeners_of(now)},
      {"connections", {{"count", now.connections}, {"maximum", now.connections_maximum}}},
      {"sessions",
       {{"count", now.sessions},
        {"connected", now.sessions_connected},
        {"durable", now.sessions_durable},
        {"passive", now.sessions_passivated}}},
      {"subscriptions", {{"count", now.subscriptions}, {"shared", now.subscriptions_shared}}},
      {"messages",
       {{"received", sum(counter::messages_received_qos0, 3)},
        {"sent", sum(counter::messages_sent_qos0, 3)},
        {"queued", now.queued_messages},
        {"retained", now.retained}}},
      {"drain",
       {{"draining", now.drain.draining},
        {"rate", now.drain.rate},
        {"server_reference", now.drain.server_reference},
        {"remaining", now.drain.remaining}}},
      {"store", {{"writable", now.store.writable}, {"backlog_bytes", now.store.backlog_bytes}}}};
}

}  // namespace

void add_admin_routes(http_router& routes, admin_sources sources) {
  add_drain_routes(routes, std::move(sources.drain));
  const auto shared = std::make_shared<const admin_sources>(std::move(sources));
  routes.add(
      "GET", "/livez",
      [](const http_request&, const http_reply& reply) {
        reply(json_response(200, {{"alive", true}}));
      },
      http_access::open);
  routes.add(
      "GET", "/readyz",
      [shared](const http_request& request, const http_reply& reply) {
        const auto state = shared->ready();
        json body = {{"ready", state.ready}};
        if (request.authorized) body["reasons"] = state.reasons;
        reply(json_response(state.ready ? 200 : 503, body));
      },
      http_access::open);
  routes.add("GET", "/metrics", [shared](const http_request&, http_reply reply) {
    shared->take([shared, reply = std::move(reply)](const snapshot& now) {
      http_response response;
      response.content_type = exposition_content_type;
      response.body = exposition(shared->counters(), now, read_process_figures());
      reply(std::move(response));
    });
  });
  routes.add("GET", "/api/v5/status", [shared](const http_request&, http_reply reply) {
    shared->take([shared, state = shared->ready(), reply = std::move(reply)](const snapshot& now) {
      reply(json_response(200, status_of(now, shared->counters(), state)));
    });
  });
}

}  // namespace troupe::observe
