#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <utility>

namespace troupe::observe {
namespace {

using kind = http_parameter::kind;

const std::string client_members =
    R"("clientid": "text", "username": "text", "node": "text", "connected": "boolean",
       "ip_address": "any", "port": "any", "listener": "any", "keepalive": "any",
       "proto_name": "text", "proto_ver": "integer", "connected_at": "any",
       "disconnected_at": "any", "expiry_interval": "integer", "durable": "boolean",
       "asleep": "boolean", "subscriptions_cnt": "integer", "inflight_cnt": "integer",
       "mqueue_len": "integer", "mqueue_bytes": "integer", "awaiting_rel_cnt": "integer",
       "actor": "any")";
const std::string subscription_members =
    R"("topic": "text", "qos": "integer", "nl": "integer", "rap": "integer", "rh": "integer",
       "subid": "any", "share": "any")";
const std::string details_members =
    R"("subscriptions": [{)" + subscription_members + R"(}], "subscriptions_more": "boolean",
       "windows": {"outbound": {"max_inflight": "integer", "queued": "integer",
                                "queued_bytes": "integer", "owed": "integer",
                                "owed_bytes": "integer", "reading_store": "boolean"},
                   "inbound": {"pending": "integer", "receive_maximum": "integer"}},
       "counters": {"received": {"*": "integer"}, "sent": {"*": "integer"},
                    "dropped": {"*": "integer"}},
       "waits_for": "text", "last_disconnect": "any", "will": "any")";

void add_lists(http_router& routes, const std::shared_ptr<admin_source>& nodes) {
  routes.add({.method = "GET",
              .path = "/api/v1/clients",
              .help = "Clients of the cluster: those connected, and sessions that wait for theirs.",
              .parameters = {node_parameter(),
                             {.name = "clientid", .help = "That client alone."},
                             {.name = "prefix", .help = "How the client id begins."},
                             {.name = "like_clientid", .help = "A part of the client id."},
                             {.name = "username", .help = "The name that authentication gave it."},
                             {.name = "ip_address",
                              .help = "How its address begins, a port behind it perhaps.",
                              .greatest = 128},
                             {.name = "proto_ver",
                              .help = "3, 4 or 5 for MQTT 3.1, 3.1.1, 5.0.",
                              .type = kind::choice,
                              .choices = {"3", "4", "5"}},
                             {.name = "conn_state",
                              .help = "Whether it is connected.",
                              .type = kind::choice,
                              .choices = {"connected", "disconnected"}},
                             {.name = "queue_min",
                              .help = "Messages that wait for it at least.",
                              .type = kind::integer,
                              .greatest = 1'000'000'000}},
              .answer = "{" + client_members + "}",
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes,
                           question_of("clients", request,
                                       {"clientid", "prefix", "like_clientid", "username",
                                        "ip_address", "proto_ver", "conn_state", "queue_min"}),
                           request, reply);
              }});
  routes.add(
      {.method = "GET",
       .path = "/api/v1/subscriptions",
       .help = "Subscriptions of all clients.",
       .parameters =
           {node_parameter(),
            {.name = "clientid", .help = "Of that client."},
            {.name = "topic", .help = "With exactly this filter."},
            {.name = "match_topic", .help = "Whose filter matches this topic."},
            {.name = "share", .help = "Of this shared group."},
            {.name = "qos", .help = "Of this maximum QoS.", .type = kind::integer, .greatest = 2}},
       .answer = R"({"clientid": "text", "node": "text", "connected": "boolean", )" +
                 subscription_members + "}",
       .paged = true,
       .handler = [nodes](const http_request& request, const http_reply& reply) {
         reply_page(*nodes,
                    question_of("subscriptions", request,
                                {"clientid", "topic", "match_topic", "share", "qos"}),
                    request, reply);
       }});
}

void add_order(http_router& routes, const std::shared_ptr<admin_source>& nodes, std::string path,
               std::string what, std::string help, std::string audit) {
  routes.add(
      {.method = "DELETE",
       .path = std::move(path),
       .least = admin_role::operator_,
       .help = std::move(help),
       .success = 204,
       .handler = [nodes, what, audit](const http_request& request, const http_reply& reply) {
         const auto& id = request.parameters.find("clientid")->second;
         reply_order(*nodes, question_of(what, request, {"clientid"}), audit + id, reply);
       }});
}

}  // namespace

void add_client_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  add_lists(routes, nodes);
  routes.add({.method = "GET",
              .path = "/api/v1/clients/{clientid}",
              .help = "One client: its session, subscriptions, windows and counters.",
              .answer = "{" + client_members + ", " + details_members + "}",
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_one(*nodes, question_of("client", request, {"clientid"}), {}, reply);
              }});
  routes.add({.method = "GET",
              .path = "/api/v1/clients/{clientid}/subscriptions",
              .help = "Subscriptions of one client.",
              .answer = R"({"clientid": "text", "node": "text", "connected": "boolean", )" +
                        subscription_members + "}",
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes, question_of("subscriptions", request, {"clientid"}), request,
                           reply);
              }});
  add_order(routes, nodes, "/api/v1/clients/{clientid}", "kick",
            "Closes the client's connection; a durable session stays.", "kicked ");
  add_order(routes, nodes, "/api/v1/sessions/{clientid}", "discard",
            "Ends the session with its queue and subscriptions, and its connection.",
            "discarded the session of ");
}

}  // namespace troupe::observe
