#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <utility>

namespace troupe::observe {

void add_topic_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  routes.add({.method = "GET",
              .path = "/api/v1/topics",
              .help = "Topic filters with subscribers, how many they are and in which groups. A "
                      "filter of shared subscriptions is told without its \"$share\".",
              .parameters = {node_parameter(),
                             {.name = "topic", .help = "Exactly this filter."},
                             {.name = "match_topic", .help = "Filters that match this topic."}},
              .answer = R"({"topic": "text", "subscriptions_cnt": "integer",
                            "groups_cnt": "integer", "groups": ["text"],
                            "groups_more": "boolean"})",
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes, question_of("topics", request, {"topic", "match_topic"}),
                           request, reply);
              }});
}

}  // namespace troupe::observe
