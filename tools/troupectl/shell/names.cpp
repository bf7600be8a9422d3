#include "tools/troupectl/shell/names.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr auto patience = std::chrono::seconds(1);
constexpr auto most = "100";

/// Where the names of a kind are asked.
struct place {
  std::string_view kind;  // name of the option or argument
  const char* path;
  const char* parameter;  // of the query that takes the beginning, or null
  const char* list;       // member of the answer
  const char* name;       // member of each item, or of what is in it
};

constexpr std::array places{
    place{"client", "/api/v1/clients", "prefix", "data", "clientid"},
    place{"topic", "/api/v1/retained", nullptr, "data", "topic"},
    place{"filter", "/api/v1/subscriptions", nullptr, "data", "topic"},
    place{"actor", "/api/v1/actors", nullptr, "data", "id"},
    place{"serves", "/api/v1/clients", "prefix", "data", "clientid"},
    place{"what", "/api/v1/clients", "prefix", "data", "clientid"},
    place{"trace", "/api/v1/trace", nullptr, "data", "name"},
    place{"kind", "/api/v1/actors/tree", nullptr, "nodes", "kind"},
    place{"node", "/api/v1/cluster", nullptr, "members", "name"},
    place{"module", "/api/v1/log", nullptr, "data", "module"},
    place{"prefix", "/api/v1/config", nullptr, "data", "key"},
};

std::vector<std::string> fixed_names(std::string_view kind) {
  if (kind == "level") return {"trace", "debug", "info", "warning", "error", "critical", "off"};
  if (kind == "sort") return {"id", "mailbox", "oldest", "busy", "messages", "memory"};
  if (kind == "as") return {"clientid", "username", "ip_address"};
  if (kind == "type") return {"client", "topic", "address"};
  if (kind == "role") return {"viewer", "operator", "admin"};
  if (kind == "protocol") return {"3", "4", "5"};
  return {};
}

void gather(const json& from, const char* name, std::vector<std::string>& to) {
  if (from.is_object() && from.contains(name) && from[name].is_string())
    return to.push_back(from[name].get<std::string>());
  if (from.is_structured()) {
    for (const auto& each : from) gather(each, name, to);
  }
}

}  // namespace

name_source names_of_node(const console& with) {
  return [&with](std::string_view kind, std::string_view prefix) {
    auto names = fixed_names(kind);
    const auto* const found = std::ranges::find(places, kind, &place::kind);
    if (found == places.end()) return names;
    query_values query;
    if (found->list == std::string_view("data") && found->path != places.back().path &&
        found->kind != "module" && found->kind != "trace")
      query.emplace_back("limit", most);
    if (found->parameter != nullptr && !prefix.empty())
      query.emplace_back(found->parameter, prefix);
    const auto answer = http_get(resolved({}, with), with_query(found->path, query), patience);
    const auto body = json::parse(answer.body, nullptr, false);
    if (!answer.problem.empty() || !body.is_object() || !body.contains(found->list)) return names;
    gather(body[found->list], found->name, names);
    return names;
  };
}

}  // namespace troupe::ctl
