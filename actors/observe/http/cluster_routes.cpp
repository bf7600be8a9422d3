#include "actors/observe/http/cluster_routes.hpp"

#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;
using kind = cluster_order::kind;

constexpr auto view_shape = R"({"name": "text", "id": "text", "self": "text", "leader": "text",
  "term": "integer", "map_version": "integer", "shards": "integer", "replicas": "integer",
  "without_owner": "integer", "problems": ["text"],
  "members": [{"name": "text", "node": "text", "address": "text", "kind": "text", "state": "text",
    "release": "text", "voter": "boolean", "replicas": "integer", "owned": "integer",
    "link": {"state": "text", "sent_bytes": "integer", "received_bytes": "integer",
             "window_bytes": "integer", "dropped": "integer", "round_trip_seconds": "number"}}]})";
constexpr auto shards_shape = R"({"shards": [{"shard": "integer", "owner": "text",
  "epoch": "integer", "replicas": ["text"]}]})";
constexpr auto done_shape = R"({"done": "boolean", "text": "text"})";

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

/// What the POST of an order is.
struct order_route {
  kind what;
  const char* path;
  const char* help;
  const char* body;
};

constexpr order_route order_routes[] = {
    {kind::join, "/join", "Lets the node join the cluster of another one.",
     R"({"address": "text"})"},
    {kind::leave, "/leave", "Lets a node give its shards away and go; none: the one that is asked.",
     R"({"node?": "text", "force?": "boolean"})"},
    {kind::evict, "/evict", "Takes out a node that will never come back.",
     R"({"node": "text", "force?": "boolean"})"},
    {kind::plan, "/plan", "Tells which shards would move to even out the nodes, or moves them.",
     R"({"apply?": "boolean"})"},
};

/// Of a body that has the shape of its order.
cluster_order read_order(kind what, const std::string& text) {
  cluster_order order;
  order.what = what;
  const auto body = text.empty() ? json::object() : json::parse(text, nullptr, false);
  order.address = body.value("address", std::string());
  order.node = body.value("node", std::string());
  order.force = body.value("force", false);
  order.apply = body.value("apply", false);
  return order;
}

std::string fault_of(const cluster_order& order) {
  if (order.what == kind::join && order.address.empty())
    return "\"address\" must name a member, as in {\"address\": \"10.0.0.1:4883\"}.";
  if (order.what == kind::evict && order.node.empty())
    return "\"node\" must name the member, as in {\"node\": \"broker-3\"}.";
  return {};
}

/// For the audit log.
std::string text_of(const cluster_order& order) {
  return order.address + order.node + (order.force ? " by force" : "") +
         (order.apply ? "applied" : "");
}

void take_order(cluster_source& source, kind what, const http_request& request, http_reply reply) {
  auto order = read_order(what, request.body);
  if (const auto problem = fault_of(order); !problem.empty())
    return reply(http_error(400, problem));
  auto audit = text_of(order);
  source.order(std::move(order), [audit = std::move(audit),
                                  reply = std::move(reply)](const cluster_answer& answer) {
    auto response = answer.done ? json_response({{"done", true}, {"text", answer.text}})
                                : http_error(answer.unavailable ? 503 : 409, answer.text);
    response.audit = audit;
    reply(std::move(response));
  });
}

}  // namespace

void add_cluster_routes(http_router& routes, std::shared_ptr<cluster_source> source) {
  using act = std::function<void(cluster_source&, const http_request&, http_reply)>;
  const auto add = [&](http_route route, act does) {
    route.path = "/api/v1/cluster" + route.path;
    route.handler = [source, does = std::move(does)](const http_request& request,
                                                     http_reply reply) {
      if (!source)
        return reply(http_error(404, "ALONE",
                                "This node runs alone: its configuration has no cluster.listen."));
      does(*source, request, std::move(reply));
    };
    routes.add(std::move(route));
  };
  add({.method = "GET", .help = "The cluster as this node sees it.", .answer = view_shape},
      [](cluster_source& from, const http_request&, http_reply reply) {
        from.view([reply = std::move(reply)](const cluster_view& view) {
          reply(json_response(json_of(view)));
        });
      });
  add({.method = "GET",
       .path = "/shards",
       .help = "Which nodes hold and own which shards.",
       .answer = shards_shape},
      [](cluster_source& from, const http_request&, http_reply reply) {
        from.shards([reply = std::move(reply)](const std::vector<shard_view>& shards) {
          reply(json_response(json_of(shards)));
        });
      });
  for (const auto& each : order_routes) {
    add({.method = "POST",
         .path = each.path,
         .least = admin_role::admin,
         .help = each.help,
         .body = each.body,
         .answer = done_shape},
        [what = each.what](cluster_source& from, const http_request& request, http_reply reply) {
          take_order(from, what, request, std::move(reply));
        });
  }
}

}  // namespace troupe::observe
