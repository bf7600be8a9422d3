#include "actors/observe/routes/backup_routes.hpp"

#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;

constexpr auto row_shape = R"({"name": "text", "path": "text", "begun_at": "text",
                               "bytes": "integer", "files": "integer"})";

json json_of(const backup_view& from) {
  return {{"name", from.name},
          {"path", from.path},
          {"begun_at", from.begun_at},
          {"bytes", from.bytes},
          {"files", from.files}};
}

http_response error_of(const backup_outcome& outcome) {
  return http_error(outcome.refused ? 409 : 500, outcome.error);
}

}  // namespace

void add_backup_routes(http_router& routes, backup_source from) {
  const auto source = std::make_shared<const backup_source>(std::move(from));
  routes.add({.method = "GET",
              .path = "/api/v1/backups",
              .help = "The backups of this node's store.",
              .answer = R"({"data": [)" + std::string(row_shape) + "]}",
              .handler = [source](const http_request&, http_reply reply) {
                source->list([reply = std::move(reply)](const backup_outcome& outcome) {
                  if (!outcome.error.empty()) return reply(error_of(outcome));
                  auto rows = json::array();
                  for (const auto& each : outcome.all) rows.push_back(json_of(each));
                  reply(json_response({{"data", std::move(rows)}}));
                });
              }});
  routes.add({.method = "POST",
              .path = "/api/v1/backups",
              .least = admin_role::admin,
              .help = "Copies the store of this node while it runs, into durability.backup_dir. What "
                      "was acknowledged before is in it.",
              .body = R"({"name?": "text"})",
              .answer = row_shape,
              .success = 201,
              .handler = [source](const http_request& request, http_reply reply) {
                const auto body = json::parse(request.body.empty() ? "{}" : request.body, nullptr, false);
                source->make(body.value("name", std::string()),
                             [reply = std::move(reply)](const backup_outcome& outcome) {
                               if (!outcome.error.empty()) return reply(error_of(outcome));
                               auto response = json_response(json_of(outcome.all.at(0)));
                               response.status = 201;
                               response.audit = "made the backup " + outcome.all[0].path;
                               reply(std::move(response));
                             });
              }});
  routes.add({.method = "DELETE",
              .path = "/api/v1/backups/{name}",
              .least = admin_role::admin,
              .help = "Deletes a backup of this node.",
              .success = 204,
              .handler = [source](const http_request& request, http_reply reply) {
                const auto name = request.parameters.find("name")->second;
                source->erase(name, [reply = std::move(reply), name](const backup_outcome& outcome) {
                  if (!outcome.error.empty()) return reply(http_error(404, outcome.error));
                  http_response response;
                  response.status = 204;
                  response.audit = "deleted the backup " + name;
                  reply(std::move(response));
                });
              }});
}

}  // namespace troupe::observe
