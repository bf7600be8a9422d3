#include "actors/observe/routes/config_routes.hpp"

#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;

constexpr auto outcome_shape = R"({"good": "boolean", "applied": "boolean", "problems": ["text"],
  "changes": [{"key": "text", "reloadable": "boolean"}]})";

json json_of(const config_outcome& from) {
  auto changes = json::array();
  for (const auto& each : from.changes)
    changes.push_back({{"key", each.key}, {"reloadable", each.reloadable}});
  return {{"good", from.problems.empty()},
          {"applied", from.applied},
          {"problems", from.problems},
          {"changes", std::move(changes)}};
}

std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const auto& each : sentences) text += (text.empty() ? "" : "; ") + each;
  return text;
}

}  // namespace

void add_config_routes(http_router& routes, config_source from) {
  const auto source = std::make_shared<const config_source>(std::move(from));
  routes.add({.method = "GET",
              .path = "/api/v1/config",
              .help = "The configuration in force; of a secret only whether there is one.",
              .answer = R"({"data": [{"key": "text", "value": "text", "default": "boolean",
                                      "reloadable": "boolean"}]})",
              .handler = [source](const http_request&, const http_reply& reply) {
                auto keys = json::array();
                for (const auto& each : source->show()) {
                  keys.push_back({{"key", each.key},
                                  {"value", each.value},
                                  {"default", each.is_default},
                                  {"reloadable", each.reloadable}});
                }
                reply(json_response({{"data", std::move(keys)}}));
              }});
  routes.add({.method = "POST",
              .path = "/api/v1/config/check",
              .least = admin_role::operator_,
              .help = "Reads the configuration again and tells what is wrong or would change.",
              .body = "{}",
              .answer = outcome_shape,
              .handler = [source](const http_request&, http_reply reply) {
                source->read(false, [reply = std::move(reply)](const config_outcome& outcome) {
                  reply(json_response(json_of(outcome)));
                });
              }});
  routes.add({.method = "POST",
              .path = "/api/v1/config/reload",
              .least = admin_role::admin,
              .help = "Reads the configuration again and takes what can change.",
              .body = "{}",
              .answer = outcome_shape,
              .handler = [source](const http_request&, http_reply reply) {
                source->read(true, [reply = std::move(reply)](const config_outcome& outcome) {
                  if (outcome.problems.empty()) return reply(json_response(json_of(outcome)));
                  reply(http_error(409, "CONFIGURATION_REFUSED",
                                   "Nothing was changed: " + joined(outcome.problems) + "."));
                });
              }});
}

}  // namespace troupe::observe
