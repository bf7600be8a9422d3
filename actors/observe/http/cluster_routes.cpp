#include "actors/observe/http/cluster_routes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;
using kind = cluster_order::kind;

/// Names come from other machines and may be badly encoded: never throw.
http_response json_response(const json& body) {
  http_response response;
  response.body = body.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return response;
}

json json_of(const member_view& from) {
  return {{"name", from.name},
          {"node", from.node},
          {"address", from.address},
          {"kind", from.kind},
          {"state", from.state},
          {"release", from.release},
          {"voter", from.voter},
          {"replicas", from.replicas},
          {"owned", from.owned},
          {"link",
           {{"state", from.link.state},
            {"sent_bytes", from.link.sent_bytes},
            {"received_bytes", from.link.received_bytes},
            {"window_bytes", from.link.window_bytes},
            {"dropped", from.link.dropped},
            {"round_trip_seconds", from.link.round_trip_seconds}}}};
}

json json_of(const cluster_view& from) {
  auto members = json::array();
  for (const auto& each : from.members) members.push_back(json_of(each));
  return {{"name", from.name},
          {"id", from.id},
          {"self", from.self},
          {"leader", from.leader},
          {"term", from.term},
          {"map_version", from.map_version},
          {"shards", from.shards},
          {"replicas", from.replicas},
          {"without_owner", from.without_owner},
          {"problems", from.problems},
          {"members", std::move(members)}};
}

json json_of(const std::vector<shard_view>& from) {
  auto shards = json::array();
  for (const auto& each : from) {
    shards.push_back({{"shard", each.shard},
                      {"owner", each.owner},
                      {"epoch", each.epoch},
                      {"replicas", each.replicas}});
  }
  return {{"shards", std::move(shards)}};
}

/// A key that an order of that kind takes, and where its value goes.
struct field {
  std::string_view name;
  std::string cluster_order::*text = nullptr;
  bool cluster_order::*flag = nullptr;
};

std::vector<field> fields_of(kind what) {
  const field node{"node", &cluster_order::node, nullptr};
  const field force{"force", nullptr, &cluster_order::force};
  switch (what) {
    case kind::join:
      return {{"address", &cluster_order::address, nullptr}};
    case kind::leave:
    case kind::evict:
      return {node, force};
    case kind::plan:
      break;
  }
  return {{"apply", nullptr, &cluster_order::apply}};
}

/// The sentence about a body that is no such order, or empty.
std::string read_order(const http_request& request, cluster_order& order) {
  const auto fields = fields_of(order.what);
  const auto body =
      request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  if (!body.is_object()) return "The body must be a JSON object.";
  for (const auto& [name, value] : body.items()) {
    const auto found = std::ranges::find(fields, std::string_view(name), &field::name);
    if (found == fields.end()) return "\"" + name + "\" has no meaning here.";
    if (found->text != nullptr && value.is_string())
      order.*(found->text) = value.get<std::string>();
    else if (found->flag != nullptr && value.is_boolean())
      order.*(found->flag) = value.get<bool>();
    else
      return "\"" + name + "\" must be " + (found->text ? "a text." : "true or false.");
  }
  if (order.what == kind::join && order.address.empty())
    return "\"address\" must name a member, as in {\"address\": \"10.0.0.1:4883\"}.";
  if (order.what == kind::evict && order.node.empty())
    return "\"node\" must name the member, as in {\"node\": \"broker-3\"}.";
  return {};
}

/// A page of another site can make a browser post, but not with this type.
bool is_json(std::string_view content_type) {
  return content_type.substr(0, content_type.find(';')) == "application/json";
}

void take_order(cluster_source& source, kind what, const http_request& request, http_reply reply) {
  if (!is_json(request.content_type))
    return reply(http_error(415, "Send the order with Content-Type: application/json."));
  cluster_order order;
  order.what = what;
  if (const auto problem = read_order(request, order); !problem.empty())
    return reply(http_error(400, problem));
  source.order(std::move(order), [reply = std::move(reply)](const cluster_answer& answer) {
    if (answer.done) return reply(json_response({{"done", true}, {"text", answer.text}}));
    reply(http_error(answer.unavailable ? 503 : 409, answer.text));
  });
}

}  // namespace

void add_cluster_routes(http_router& routes, std::shared_ptr<cluster_source> source) {
  const auto add = [&](const char* method, const std::string& path,
                       std::function<void(cluster_source&, const http_request&, http_reply)> act) {
    routes.add(method, "/api/v1/cluster" + path,
               [source, act = std::move(act)](const http_request& request, http_reply reply) {
                 if (!source)
                   return reply(http_error(
                       404, "This node runs alone: its configuration has no cluster.listen."));
                 act(*source, request, std::move(reply));
               });
  };
  add("GET", "", [](cluster_source& from, const http_request&, http_reply reply) {
    from.view([reply = std::move(reply)](const cluster_view& view) {
      reply(json_response(json_of(view)));
    });
  });
  add("GET", "/shards", [](cluster_source& from, const http_request&, http_reply reply) {
    from.shards([reply = std::move(reply)](const std::vector<shard_view>& shards) {
      reply(json_response(json_of(shards)));
    });
  });
  constexpr std::pair<const char*, kind> orders[] = {{"/join", kind::join},
                                                     {"/leave", kind::leave},
                                                     {"/evict", kind::evict},
                                                     {"/plan", kind::plan}};
  for (const auto& [path, what] : orders) {
    add("POST", path,
        [what = what](cluster_source& from, const http_request& request, http_reply reply) {
          take_order(from, what, request, std::move(reply));
        });
  }
}

}  // namespace troupe::observe
