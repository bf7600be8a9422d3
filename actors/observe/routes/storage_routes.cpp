#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <utility>

namespace troupe::observe {

void add_storage_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  routes.add({.method = "GET",
              .path = "/api/v1/storage",
              .help = "What the store of each node takes on disk, by column family, and its logs.",
              .parameters = {node_parameter()},
              .answer = R"({"node": "text", "part": "text", "kind": "text", "bytes": "integer",
                            "keys": "any", "memory_bytes": "any", "compaction_bytes": "any"})",
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes, question_of("storage", request, {}), request, reply);
              }});
  routes.add({.method = "GET",
              .path = "/api/v1/storage/shards",
              .help = "What each shard takes on each node, about, without the logs.",
              .parameters = {node_parameter()},
              .answer = R"({"node": "text", "shard": "integer", "bytes": "integer"})",
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes, question_of("storage_shards", request, {}), request, reply);
              }});
}

}  // namespace troupe::observe
