#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <utility>

namespace troupe::observe {

using kind = http_parameter::kind;

void add_top_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  routes.add(
      {.method = "GET",
       .path = "/api/v1/top_talkers",
       .help = "Clients that sent or got something between two looks, with their rates a second; "
               "the greatest first.",
       .parameters = {node_parameter(),
                      {.name = "sort",
                       .help = "By messages both ways, if it is not given.",
                       .type = kind::choice,
                       .choices = {"messages", "received", "received_bytes", "sent", "sent_bytes",
                                   "dropped"}},
                      {.name = "interval",
                       .help = "Milliseconds between the looks; 1,000 if it is not given.",
                       .type = kind::integer,
                       .least = 100,
                       .greatest = 5'000}},
       .answer = R"({"clientid": "text", "node": "text", "username": "text",
                     "rate": {"received": "number", "received_bytes": "number", "sent": "number",
                              "sent_bytes": "number", "dropped": "number"}})",
       .paged = true,
       .handler = [nodes](const http_request& request, const http_reply& reply) {
         auto question = question_of("top_talkers", request, {"sort", "interval"});
         // Told to the nodes in any case, so that they are waited for so much longer.
         question.terms.emplace("interval", "1000");
         reply_page(*nodes, std::move(question), request, reply);
       }});
  routes.add(
      {.method = "GET",
       .path = "/api/v1/slow_subscriptions",
       .help = "Connected clients that have not acknowledged what they have been owed for a while; "
               "those that are farthest behind first.",
       .parameters = {node_parameter(),
                      {.name = "threshold",
                       .help = "Milliseconds that they are behind at least; 500 if it is not given.",
                       .type = kind::integer,
                       .greatest = 1'000'000'000}},
       .answer = R"({"clientid": "text", "node": "text", "username": "text",
                     "behind_ms": "integer", "topic": "text", "inflight_cnt": "integer",
                     "mqueue_len": "integer", "mqueue_bytes": "integer", "blocked": "boolean",
                     "waits_for": "text"})",
       .paged = true,
       .handler = [nodes](const http_request& request, const http_reply& reply) {
         reply_page(*nodes, question_of("slow_subscriptions", request, {"threshold"}), request,
                    reply);
       }});
}

}  // namespace troupe::observe
