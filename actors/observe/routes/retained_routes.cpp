#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <utility>

namespace troupe::observe {
namespace {

const std::string message_members =
    R"("topic": "text", "qos": "integer", "payload_size": "integer", "publish_at": "any",
       "expires_at": "any")";

void reply_here(admin_source& nodes, admin_question question, std::string done,
                const http_reply& reply) {
  nodes.ask_here(std::move(question), [reply, done = std::move(done)](const admin_gathered& all) {
    if (all.answer.status / 100 != 2)
      return reply(http_error(all.answer.status, all.answer.message));
    http_response response;
    response.status = all.answer.status;
    response.audit = done;
    if (!all.answer.rows.empty()) response.body = all.answer.rows.front().json + "\n";
    reply(std::move(response));
  });
}

}  // namespace

void add_retained_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  routes.add({.method = "GET",
              .path = "/api/v1/retained",
              .help = "Retained messages of the cluster.",
              .parameters = {{.name = "topic",
                              .help = "A topic filter; all but $-topics otherwise.",
                              .greatest = 65'535}},
              .answer = "{" + message_members + "}",
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page_here(*nodes, question_of("retained", request, {"topic"}), request,
                                reply);
              }});
  routes.add(
      {.method = "GET",
       .path = "/api/v1/retained/{topic}",
       .help = "One retained message; slashes of the topic are written as %2F.",
       .answer = "{" + message_members + R"(, "payload": "text", "payload_truncated": "boolean"})",
       .handler = [nodes](const http_request& request, const http_reply& reply) {
         reply_here(*nodes, question_of("retained_one", request, {"topic"}), {}, reply);
       }});
  routes.add({.method = "DELETE",
              .path = "/api/v1/retained/{topic}",
              .least = admin_role::operator_,
              .help = "Takes back a retained message; subscribers are not told.",
              .success = 204,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                auto question = question_of("retained_erase", request, {"topic"});
                auto audit =
                    "erased the retained message of " + std::string(question.term("topic"));
                reply_here(*nodes, std::move(question), std::move(audit), reply);
              }});
}

}  // namespace troupe::observe
