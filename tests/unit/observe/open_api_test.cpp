#include "actors/observe/api/open_api.hpp"

#include "actors/observe/http/cluster_routes.hpp"
#include "actors/observe/log.hpp"
#include "actors/observe/routes/config_routes.hpp"
#include "actors/observe/routes/log_routes.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace troupe::observe;
using nlohmann::json;

namespace {

http_response ask(const http_router& routes, std::string method, std::string_view target,
                  std::string body = {}) {
  http_request request;
  request.method = std::move(method);
  request.body = std::move(body);
  request.content_type = "application/json";
  request.caller.role = admin_role::admin;
  http_response answer;
  answer.status = 0;
  routes.dispatch(std::move(request), target, [&](http_response r) { answer = std::move(r); });
  return answer;
}

}  // namespace

TEST_CASE("the document has every route, with its parameters, shapes and role") {
  http_router routes;
  routes.add({.method = "GET",
              .path = "/things/{id}",
              .help = "A thing.",
              .parameters = {{.name = "n", .type = http_parameter::kind::integer, .least = 1}},
              .answer = R"({"id": "text", "more?": ["number"]})",
              .paged = true,
              .handler = [](const http_request&, const http_reply&) {}});
  add_cluster_routes(routes, nullptr);
  add_open_api_route(routes, "1.2.3");
  const auto document = json::parse(ask(routes, "GET", "/api/v1/openapi.json").body);
  CHECK(document["info"]["version"] == "1.2.3");
  std::size_t operations = 0;
  for (const auto& path : document["paths"]) operations += path.size();
  CHECK(operations == routes.routes().size());
  const auto& thing = document["paths"]["/things/{id}"]["get"];
  CHECK(thing["x-role"] == "viewer");
  CHECK(thing["parameters"].size() == 4);
  const auto item = json::parse(R"({"type": "object", "required": ["id"], "properties":
    {"id": {"type": "string"}, "more": {"type": "array", "items": {"type": "number"}}}})");
  const auto& schema = thing["responses"]["200"]["content"]["application/json"]["schema"];
  CHECK(schema["properties"]["data"]["items"] == item);
  CHECK(schema["required"] == json{"data", "meta"});
  const auto& evict = document["paths"]["/api/v1/cluster/evict"]["post"];
  CHECK(evict["x-role"] == "admin");
  CHECK(evict["requestBody"]["content"]["application/json"]["schema"]["required"] == json{"node"});
}

TEST_CASE("log levels are shown and set; audit stays readable") {
  http_router routes;
  add_log_routes(routes);
  CHECK(ask(routes, "PUT", "/api/v1/log", R"({"level": "error"})").status == 200);
  CHECK(current_log_level(log_module::session) == log_level::error);
  CHECK(current_log_level(log_module::audit) == log_level::info);
  const auto one = ask(routes, "PUT", "/api/v1/log", R"({"level": "debug", "module": "net"})");
  CHECK(one.audit == "level of net is debug");
  CHECK(current_log_level(log_module::net) == log_level::debug);
  CHECK(current_log_level(log_module::session) == log_level::error);
  CHECK(ask(routes, "PUT", "/api/v1/log", R"({"level": "loud"})").status == 400);
  CHECK(ask(routes, "PUT", "/api/v1/log", R"({"level": "info", "module": "x"})").status == 400);
  const auto shown = json::parse(ask(routes, "GET", "/api/v1/log").body);
  CHECK(shown["data"].size() == log_module_count);
  CHECK(shown["data"][3] == json{{"module", "net"}, {"level", "debug"}});
  set_log_level(log_level::warning);
}

TEST_CASE("a configuration with problems is an answer of a check and refuses a reload") {
  http_router routes;
  config_outcome next{{"t.toml:3: no such key"}, {}, false};
  std::vector<bool> asked;
  add_config_routes(routes,
                    {[] {
                       return std::vector<config_key_view>{{"http.token", "(secret)", false, true}};
                     },
                     [&](bool apply, std::function<void(config_outcome)> answer) {
                       asked.push_back(apply);
                       answer(next);
                     }});
  const auto checked = ask(routes, "POST", "/api/v1/config/check");
  CHECK(checked.status == 200);
  CHECK(json::parse(checked.body)["good"] == false);
  const auto refused = ask(routes, "POST", "/api/v1/config/reload");
  CHECK(refused.status == 409);
  CHECK(refused.body.find("t.toml:3: no such key") != std::string::npos);
  next = {{}, {{"log.level", true}}, true};
  const auto done = json::parse(ask(routes, "POST", "/api/v1/config/reload").body);
  CHECK(done["applied"] == true);
  CHECK(done["changes"][0] == json{{"key", "log.level"}, {"reloadable", true}});
  CHECK(asked == std::vector<bool>{false, true, true});
  CHECK(json::parse(ask(routes, "GET", "/api/v1/config").body)["data"][0]["value"] == "(secret)");
}
