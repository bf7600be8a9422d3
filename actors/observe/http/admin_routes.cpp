#include "actors/observe/http/admin_routes.hpp"

#include "actors/observe/exposition.hpp"
#include "actors/observe/http/paging.hpp"
#include "actors/observe/figures/process_figures.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;

constexpr auto status_shape = R"({"node": "text", "version": "text", "uptime_seconds": "integer",
  "ready": "boolean", "reasons": ["text"],
  "listeners": [{"name": "text", "kind": "text", "address": "text", "connections": "integer",
                 "limit": "integer"}],
  "connections": {"count": "integer", "maximum": "integer"},
  "sessions": {"count": "integer", "connected": "integer", "durable": "integer",
               "passive": "integer"},
  "subscriptions": {"count": "integer", "shared": "integer"},
  "messages": {"received": "integer", "sent": "integer", "queued": "integer",
               "retained": "integer"},
  "drain": {"draining": "boolean", "rate": "integer", "server_reference": "text",
            "remaining": "integer"},
  "store": {"writable": "boolean", "backlog_bytes": "integer"}})";

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
  routes.add({.method = "GET",
              .path = "/livez",
              .least = admin_role::none,
              .help = "Whether the process answers.",
              .answer = R"({"alive": "boolean"})",
              .handler = [](const http_request&, const http_reply& reply) {
                reply(json_response({{"alive", true}}));
              }});
  routes.add({.method = "GET",
              .path = "/readyz",
              .least = admin_role::none,
              .help = "Whether devices should come; 503 if not. Reasons are for who has a role.",
              .answer = R"({"ready": "boolean", "reasons?": ["text"]})",
              .handler = [shared](const http_request& request, const http_reply& reply) {
                const auto state = shared->ready();
                json body = {{"ready", state.ready}};
                if (request.caller.role != admin_role::none) body["reasons"] = state.reasons;
                reply(json_response(body, state.ready ? 200 : 503));
              }});
  routes.add({.method = "GET",
              .path = "/metrics",
              .help = "Metrics in Prometheus' text format.",
              .handler = [shared](const http_request&, http_reply reply) {
                shared->take([shared, reply = std::move(reply)](const snapshot& now) {
                  http_response response;
                  response.content_type = exposition_content_type;
                  response.body = exposition(shared->counters(), now, read_process_figures());
                  reply(std::move(response));
                });
              }});
  const auto status = [shared](const http_request&, http_reply reply) {
    shared->take([shared, state = shared->ready(), reply = std::move(reply)](const snapshot& now) {
      reply(json_response(status_of(now, shared->counters(), state)));
    });
  };
  // The second is where tools that know EMQX look.
  for (const auto* const path : {"/api/v1/status", "/api/v5/status"}) {
    routes.add({.method = "GET",
                .path = path,
                .help = "How the node is.",
                .answer = status_shape,
                .handler = status});
  }
}

}  // namespace troupe::observe
