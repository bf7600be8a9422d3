#include "actors/observe/routes/route_routes.hpp"

#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;

constexpr std::size_t longest_topic = 65'535;

constexpr auto topic_shape = R"({"topic": "text", "shard": "integer", "owner": "text",
  "epoch": "integer", "by": "text", "complete": "boolean", "total": "integer",
  "routes": [{"session": "text", "client": "text", "filter": "text", "group": "text",
    "qos": "integer", "durable": "boolean", "connected": "boolean", "full": "boolean",
    "node": "text", "at": "text", "way": "text"}]})";
constexpr auto audit_shape = R"({"parts": [{"part": "text", "holder": "text",
  "answered": "boolean", "drifts": "integer", "checks": [{"announcer": "text", "of": "text",
    "announced": "text", "held": "text", "announced_count": "integer",
    "held_count": "integer"}]}]})";

json json_of(const topic_routes& from) {
  auto routes = json::array();
  for (const auto& each : from.routes) {
    routes.push_back({{"session", each.session},
                      {"client", each.client},
                      {"filter", each.filter},
                      {"group", each.group},
                      {"qos", each.qos},
                      {"durable", each.durable},
                      {"connected", each.connected},
                      {"full", each.full},
                      {"node", each.node},
                      {"at", each.at},
                      {"way", each.way}});
  }
  return {{"topic", from.topic}, {"shard", from.shard},
          {"owner", from.owner}, {"epoch", from.epoch},
          {"by", from.by},       {"complete", from.complete},
          {"total", from.total}, {"routes", std::move(routes)}};
}

json json_of(const std::vector<audited_routes>& from) {
  auto parts = json::array();
  for (const auto& each : from) {
    auto checks = json::array();
    for (const auto& check : each.checks) {
      checks.push_back({{"announcer", check.announcer},
                        {"of", check.of},
                        {"announced", check.announced},
                        {"held", check.held},
                        {"announced_count", check.announced_count},
                        {"held_count", check.held_count}});
    }
    parts.push_back({{"part", each.part},
                     {"holder", each.holder},
                     {"answered", each.answered},
                     {"drifts", each.drifts},
                     {"checks", std::move(checks)}});
  }
  return {{"parts", std::move(parts)}};
}

}  // namespace

void add_route_routes(http_router& routes, std::shared_ptr<route_source> source) {
  routes.add({.method = "GET",
              .path = "/api/v1/routes",
              .help = "Who would get a message of a topic, and by which way.",
              .parameters = {{.name = "topic",
                              .help = "Topic, without wildcards.",
                              .required = true,
                              .least = 1,
                              .greatest = longest_topic}},
              .answer = topic_shape,
              .handler = [source](const http_request& request, http_reply reply) {
                const auto topic = request.asked("topic");
                if (topic.find_first_of("+#") != std::string::npos)
                  return reply(http_error(400, "Name a topic, not a filter: it has no wildcards."));
                source->show(std::string(topic),
                             [reply = std::move(reply)](const topic_routes& found) {
                               reply(json_response(json_of(found)));
                             });
              }});
  routes.add({.method = "GET",
              .path = "/api/v1/routes/audit",
              .help = "Checksums of what nodes have announced to each other and of what is held of it.",
              .answer = audit_shape,
              .handler = [source](const http_request&, http_reply reply) {
                source->audit([reply = std::move(reply)](const std::vector<audited_routes>& all) {
                  reply(json_response(json_of(all)));
                });
              }});
}

}  // namespace troupe::observe
