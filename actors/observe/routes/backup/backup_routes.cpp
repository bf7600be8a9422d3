#include "actors/observe/routes/backup/backup_routes.hpp"

#include "actors/observe/http/cluster_view.hpp"
#include "actors/observe/http/http_router.hpp"
#include "actors/observe/http/paging.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/backup/backup_coverage.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe::observe {
namespace {

using nlohmann::json;

// Copying takes longer than a look; together with all_nodes' patience less than HTTP's.
constexpr auto make_patience_ms = "6000";

constexpr auto backup_shape = R"({"node": "text", "name": "text", "path": "text",
    "begun_at": "text", "bytes": "integer", "files": "integer"})";
constexpr auto made_shape = R"({"name": "text", "sufficient": "boolean", "message": "text",
    "data": [{"node": "text", "name": "text", "path?": "text", "begun_at?": "text",
              "bytes?": "integer", "files?": "integer", "error?": "text"}],
    "partial": ["text"]})";

std::int64_t wall_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The rows, those that are errors apart, as "node: Sentence."
struct outcome {
  json done = json::array();
  json all = json::array();
  std::string errors;

  explicit outcome(const admin_gathered& from) {
    for (const auto& each : from.answer.rows) {
      auto row = json::parse(each.json, nullptr, false);
      if (!row.is_object()) continue;
      if (const auto error = row.value("error", std::string()); error.empty()) {
        done.push_back(row);
      } else {
        const auto node = row.value("node", std::string());
        errors += (errors.empty() ? "" : " ") + node + ": " + error;
      }
      all.push_back(std::move(row));
    }
  }
};

/// An order to copy, on its way: all nodes, then who holds what.
struct make_order : std::enable_shared_from_this<make_order> {
  make_order(std::shared_ptr<admin_source> to, std::shared_ptr<cluster_source> from,
             http_reply done)
      : nodes(std::move(to)), cluster(std::move(from)), reply(std::move(done)) {}

  void begin(std::string wanted) {
    admin_question question;
    question.what = "backup_make";
    question.limit = 1000;
    question.terms = {{"name", std::move(wanted)},
                      {"begun", std::to_string(wall_now())},
                      {"patience", make_patience_ms}};
    nodes->ask(std::move(question), {},
               [self = shared_from_this()](const admin_gathered& all) { self->came(all); });
  }

  void came(const admin_gathered& all) {
    if (all.answer.status / 100 != 2) return reply(refusal(all));
    const outcome what(all);
    silent = all.silent;
    if (what.done.empty())
      return reply(http_error(409, what.errors.empty() ? "No node made a copy." : what.errors));
    body = {{"name", what.done[0].value("name", std::string())},
            {"data", what.all},
            {"partial", silent}};
    for (const auto& each : what.done) copied.insert(each.value("node", std::string()));
    if (!cluster) return finish({true, "What was acknowledged before is in it."});
    cluster->shards([self = shared_from_this()](const std::vector<shard_view>& shards) {
      self->finish(coverage_of(shards, self->copied));
    });
  }

  void finish(const backup_coverage& found) {
    body["sufficient"] = found.sufficient;
    body["message"] = found.sentence;
    auto response = json_response(body);
    response.status = 201;
    std::string who;
    for (const auto& each : copied) who += (who.empty() ? "" : ", ") + each;
    response.audit = "made the backup " + body["name"].get<std::string>() + " on " + who +
                     (found.sufficient ? "" : ", not sufficient");
    reply(std::move(response));
  }

  const std::shared_ptr<admin_source> nodes;
  const std::shared_ptr<cluster_source> cluster;
  const http_reply reply;
  json body;
  std::set<std::string> copied;  // names of nodes
  std::vector<std::string> silent;
};

void deleted(const admin_gathered& all, const std::string& name, const http_reply& reply) {
  if (all.answer.status / 100 != 2) return reply(refusal(all));
  const outcome what(all);
  if (!what.errors.empty()) return reply(http_error(500, what.errors));
  if (!all.silent.empty()) {
    std::string names;
    for (const auto& each : all.silent) names += (names.empty() ? "" : ", ") + each;
    return reply(http_error(503, "Others have deleted it, but these did not answer: " + names +
                                     ". Delete it again when they do."));
  }
  http_response response;
  response.status = 204;
  response.audit = "deleted the backup " + name;
  reply(std::move(response));
}

}  // namespace

void add_backup_routes(http_router& routes, std::shared_ptr<admin_source> nodes,
                       std::shared_ptr<cluster_source> cluster) {
  routes.add({.method = "GET",
              .path = "/api/v1/backups",
              .help = "The backups that the nodes have, each its own.",
              .parameters = {node_parameter()},
              .answer = backup_shape,
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page(*nodes, question_of("backups", request, {}), request, reply);
              }});
  routes.add(
      {.method = "POST",
       .path = "/api/v1/backups",
       .least = admin_role::admin,
       .help = "Every node copies its store while it runs, into its durability.backup_dir. What "
               "was acknowledged before is in the copies together. `sufficient` says whether "
               "they have a majority of the replicas of every shard; `partial` names the nodes "
               "that did not answer in time, which may still do it.",
       .body = R"({"name?": "text"})",
       .answer = made_shape,
       .success = 201,
       .handler = [nodes, cluster](const http_request& request, const http_reply& reply) {
         const auto body = json::parse(request.body.empty() ? "{}" : request.body, nullptr, false);
         std::make_shared<make_order>(nodes, cluster, reply)
             ->begin(body.value("name", std::string()));
       }});
  routes.add({.method = "DELETE",
              .path = "/api/v1/backups/{name}",
              .least = admin_role::admin,
              .help = "Every node deletes its backup of that name.",
              .success = 204,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                const auto name = request.parameters.find("name")->second;
                nodes->ask(question_of("backup_delete", request, {"name"}), {},
                           [reply, name](const admin_gathered& all) { deleted(all, name, reply); });
              }});
}

}  // namespace troupe::observe
