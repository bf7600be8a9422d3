#include "actors/observe/http/http_router.hpp"
#include "actors/observe/http/paging.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace troupe::observe {
namespace {

using kind = http_parameter::kind;

constexpr std::string_view actor_shape =
    R"({"id": "text", "node": "text", "kind": "text", "serves": "text", "loop": "any",
        "mailbox": "integer", "oldest_ms": "integer", "messages": "integer", "busy_us": "integer",
        "memory": "any", "restarts": "integer", "waits_for": "text",
        "rate?": {"messages": "number", "busy": "number"}})";
constexpr std::string_view tree_shape =
    R"({"nodes": [{"node": "text", "loops": [{"loop": "any", "actors": [{"kind": "text",
        "count": "integer", "mailbox": "integer", "messages": "integer", "busy_us": "integer"}],
        "busy_seconds?": "number", "lag_ms?": "number", "queue?": "integer",
        "messages?": "integer"}]}], "partial": ["text"]})";

void show_tree(admin_source& nodes, const http_request& request, const http_reply& reply) {
  auto question = question_of("actor_tree", request, {});
  nodes.ask(std::move(question), request.asked("node"), [reply](const admin_gathered& all) {
    if (all.answer.status / 100 != 2)
      return reply(http_error(all.answer.status, all.answer.message));
    auto list = nlohmann::json::array();
    for (const auto& row : all.answer.rows)
      list.push_back(nlohmann::json::parse(row.json, nullptr, false));
    reply(json_response({{"nodes", std::move(list)}, {"partial", all.silent}}));
  });
}

/// "1234@node"; false: it is not, and that was answered.
bool take_id(const http_request& request, std::string& id, std::string& node,
             const http_reply& reply) {
  const auto& given = request.parameters.find("id")->second;
  const auto at = given.find('@');
  const bool number = at != std::string::npos && at > 0 &&
                      std::all_of(given.begin(), given.begin() + static_cast<std::ptrdiff_t>(at),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (!number) {
    reply(http_error(400, "The id of an actor is a number and its node: 1234@node."));
    return false;
  }
  id = given.substr(0, at);
  node = given.substr(at + 1);
  return true;
}

}  // namespace

void add_actor_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  routes.add({.method = "GET",
              .path = "/api/v1/actors",
              .help = "Actors of the cluster, what they did and what they wait for.",
              .parameters =
                  {node_parameter(),
                   {.name = "kind", .help = "Class of the actor, such as session.", .greatest = 64},
                   {.name = "serves", .help = "Part of what it serves: a client id, a shard."},
                   {.name = "sort",
                    .help = "Greatest first, unless it is id.",
                    .type = kind::choice,
                    .choices = {"id", "mailbox", "oldest", "busy", "messages", "memory"}},
                   {.name = "interval",
                    .help = "Look twice, so many milliseconds apart, and tell rates.",
                    .type = kind::integer,
                    .least = 100,
                    .greatest = 5'000}},
              .answer = std::string(actor_shape),
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes,
                           question_of("actors", request, {"kind", "serves", "sort", "interval"}),
                           request, reply);
              }});
  routes.add({.method = "GET",
              .path = "/api/v1/actors/tree",
              .help = "How many actors of which kind live on which loop of which node.",
              .parameters = {node_parameter()},
              .answer = std::string(tree_shape),
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                show_tree(*nodes, request, reply);
              }});
  routes.add({.method = "GET",
              .path = "/api/v1/actors/{id}",
              .help = "One actor; its id is as in lists: 1234@node.",
              .answer = std::string(actor_shape),
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                admin_question question;
                std::string node;
                question.what = "actor";
                if (!take_id(request, question.terms["id"], node, reply)) return;
                reply_one(*nodes, std::move(question), node, reply);
              }});
  routes.add({.method = "POST",
              .path = "/api/v1/actors/{id}/restart",
              .least = admin_role::operator_,
              .help = "Begins a session's actor anew: its client is disconnected, what is under way "
                      "is finished, and a new actor reads what is stored. A session that is not "
                      "kept ends.",
              .success = 204,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                admin_question question;
                question.what = "actor_restart";
                if (!take_id(request, question.terms["id"], question.terms["node"], reply)) return;
                auto audit = "restarted the actor " + request.parameters.find("id")->second;
                reply_order(*nodes, std::move(question), std::move(audit), reply);
              }});
}

}  // namespace troupe::observe
