#include "actors/observe/routes/log_routes.hpp"

#include "actors/observe/http/paging.hpp"
#include "actors/observe/log.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace troupe::observe {
namespace {

using nlohmann::json;

constexpr auto levels_shape =
    R"({"data": [{"module": "text", "level": "text"}], "dropped": "integer"})";

http_response levels_now() {
  auto modules = json::array();
  for (std::size_t i = 0; i < log_module_count; ++i) {
    const auto who = static_cast<log_module>(i);
    modules.push_back({{"module", name(who)}, {"level", name(current_log_level(who))}});
  }
  return json_response({{"data", std::move(modules)}, {"dropped", log_lines_dropped()}});
}

void set_levels(const http_request& request, const http_reply& reply) {
  const auto body = json::parse(request.body.empty() ? "{}" : request.body, nullptr, false);
  const auto wanted = body.value("level", std::string());
  const auto module_name = body.value("module", std::string());
  log_level level{};
  log_module who{};
  if (!parse(wanted, level))
    return reply(
        http_error(400, "\"level\" must be trace, debug, info, warning, error, critical or off."));
  if (!module_name.empty() && !parse(module_name, who))
    return reply(http_error(400, "\"module\" must be one of those that GET /api/v1/log lists."));
  if (module_name.empty())
    set_log_level(level);
  else
    set_log_level(who, level);
  auto response = levels_now();
  response.audit = "level of " + (module_name.empty() ? "all" : module_name) + " is " + wanted;
  reply(std::move(response));
}

}  // namespace

void add_log_routes(http_router& routes) {
  routes.add(
      {.method = "GET",
       .path = "/api/v1/log",
       .help = "The log level of each module, and how many lines were lost.",
       .answer = levels_shape,
       .handler = [](const http_request&, const http_reply& reply) { reply(levels_now()); }});
  routes.add({.method = "PUT",
              .path = "/api/v1/log",
              .least = admin_role::admin,
              .help = "Sets the log level of a module, or of all, until the node ends or a reload "
                      "changes log.level.",
              .body = R"({"level": "text", "module?": "text"})",
              .answer = levels_shape,
              .handler = set_levels});
}

}  // namespace troupe::observe
