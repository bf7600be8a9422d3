#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace troupe::observe {
namespace {

constexpr auto path = "/api/v1/clients/{clientid}/mqueue_messages";

}  // namespace

void add_queue_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  routes.add({.method = "GET",
              .path = path,
              .help = "Messages that wait for a client, behind what is in flight. Of a session that is "
                      "not durable they have no order, and pages go by places, which move.",
              .parameters = {{.name = "payload",
                              .help = "base64: with the payload, at most 4 KiB of each.",
                              .type = http_parameter::kind::choice,
                              .choices = {"none", "base64"}}},
              .answer = R"({"topic": "text", "qos": "integer", "retain": "boolean",
                            "size": "integer", "publish_at": "any", "expires_at": "any",
                            "share": "any", "order": "any", "payload?": "text",
                            "payload_truncated?": "boolean"})",
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes, question_of("queue", request, {"clientid", "payload"}), request,
                           reply);
              }});
  routes.add({.method = "DELETE",
              .path = path,
              .least = admin_role::operator_,
              .help = "Drops what waits for a client and is not in flight. If there is more than "
                      "can be dropped in a second, the answer says so: ask again.",
              .answer = R"({"dropped": "integer", "more": "boolean"})",
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                const auto& id = request.parameters.find("clientid")->second;
                reply_outcome(*nodes, question_of("queue_drop", request, {"clientid"}),
                              [id](const std::string& outcome) {
                                const auto told = nlohmann::json::parse(outcome, nullptr, false);
                                return "dropped " + std::to_string(told.value("dropped", 0ULL)) +
                                       " queued messages of " + id;
                              },
                              reply);
              }});
}

}  // namespace troupe::observe
