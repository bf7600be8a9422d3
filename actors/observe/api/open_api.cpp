#include "actors/observe/api/open_api.hpp"

#include "actors/observe/api/audit.hpp"
#include "actors/observe/api/http_shape.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <memory>

namespace troupe::observe {
namespace {

using nlohmann::json;
using kind = http_parameter::kind;

json schema_of_parameter(const http_parameter& from) {
  switch (from.type) {
    case kind::integer:
      return {{"type", "integer"}, {"minimum", from.least}, {"maximum", from.greatest}};
    case kind::boolean:
      return {{"type", "boolean"}};
    case kind::choice:
      return {{"type", "string"}, {"enum", from.choices}};
    case kind::text:
      break;
  }
  json schema = {{"type", "string"}, {"maxLength", from.greatest}};
  if (from.least != 0) schema["minLength"] = from.least;
  return schema;
}

json parameters_of(const http_route& route) {
  auto list = json::array();
  for (const auto& each : route.parameters) {
    const bool in_path = route.path.find("{" + each.name + "}") != std::string::npos;
    json described = {{"name", each.name},
                      {"in", in_path ? "path" : "query"},
                      {"required", each.required},
                      {"schema", schema_of_parameter(each)}};
    if (!each.help.empty()) described["description"] = each.help;
    list.push_back(std::move(described));
  }
  return list;
}

json answer_of(const http_route& route) {
  json good = {{"description", "Done."}};
  if (route.success == 204) return good;
  if (route.answer.empty()) {
    good["content"]["text/plain"]["schema"] = {{"type", "string"}};
    return good;
  }
  auto schema = schema_of(parse_shape(route.answer));
  if (route.paged) {
    // Of several nodes: how many came, and who did not answer.
    json page = schema_of(
        json{{"data", json::array({"any"})},
             {"meta", {{"cursor", "text"}, {"count?", "integer"}, {"hasnext?", "boolean"}}},
             {"partial?", json::array({"text"})}});
    page["properties"]["data"]["items"] = std::move(schema);
    schema = std::move(page);
  }
  good["content"]["application/json"]["schema"] = std::move(schema);
  return good;
}

/// "get_api_v1_clients_id"
std::string operation_id(const http_route& route) {
  std::string id = route.method + route.path;
  std::string result;
  for (const char c : id) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!result.empty() && result.back() != '_')
      result += '_';
  }
  while (result.ends_with('_')) result.pop_back();
  return result;
}

json operation_of(const http_route& route) {
  json operation = {{"operationId", operation_id(route)},
                    {"summary", route.help},
                    {"parameters", parameters_of(route)},
                    {"x-role", name(route.least)}};
  auto& responses = operation["responses"];
  responses[std::to_string(route.success)] = answer_of(route);
  responses["default"] = {{"$ref", "#/components/responses/Error"}};
  if (!route.body.empty()) {
    operation["requestBody"]["content"]["application/json"]["schema"] =
        schema_of(parse_shape(route.body));
  }
  // An empty list says that nothing is needed.
  if (route.least == admin_role::none) operation["security"] = json::array();
  return operation;
}

}  // namespace

nlohmann::json open_api_of(const std::vector<http_route>& routes, const std::string& version) {
  json document = {{"openapi", "3.0.3"},
                   {"info",
                    {{"title", "Troupe"},
                     {"version", version},
                     {"description", "Administration of a Troupe node and its cluster."}}},
                   {"paths", json::object()}};
  for (const auto& each : routes) {
    std::string method = each.method;
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return std::tolower(c); });
    document["paths"][each.path][method] = operation_of(each);
  }
  document["security"] = json::array({{{"token", json::array()}}});
  auto& components = document["components"];
  components["securitySchemes"]["token"] = {{"type", "http"}, {"scheme", "bearer"}};
  auto& error = components["responses"]["Error"];
  error["description"] = "Refused or failed, with the reason.";
  error["content"]["application/json"]["schema"] =
      schema_of({{"code", "text"}, {"message", "text"}});
  return document;
}

void add_open_api_route(http_router& routes, const std::string& version) {
  const auto text = std::make_shared<std::string>();
  routes.add({.method = "GET",
              .path = "/api/v1/openapi.json",
              .help = "This document.",
              .answer = R"({"*": "any"})",
              .handler = [text](const http_request&, const http_reply& reply) {
                http_response response;
                response.body = *text;
                reply(std::move(response));
              }});
  *text = open_api_of(routes.routes(), version).dump(2) + "\n";
}

}  // namespace troupe::observe
