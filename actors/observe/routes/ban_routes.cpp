#include "actors/observe/http/http_router.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;
using kind = http_parameter::kind;

constexpr std::string_view ban_shape =
    R"({"as": "text", "who": "text", "reason": "text", "by": "text", "at": "text",
        "until": "text"})";
constexpr std::size_t longest_text = 1'024;

/// Wall milliseconds of "2026-12-01T00:00:00Z", with a fraction or an offset ("+01:00") perhaps.
std::optional<std::int64_t> time_of(const std::string& text) {
  std::tm at{};
  int used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &at.tm_year, &at.tm_mon,
                  &at.tm_mday, &at.tm_hour, &at.tm_min, &at.tm_sec, &used) != 6 ||
      used == 0)
    return std::nullopt;
  if (at.tm_mon < 1 || at.tm_mon > 12 || at.tm_mday < 1 || at.tm_mday > 31 || at.tm_hour > 23 ||
      at.tm_min > 59 || at.tm_sec > 60)
    return std::nullopt;
  std::string_view rest = std::string_view(text).substr(static_cast<std::size_t>(used));
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') rest.remove_prefix(1);
  }
  std::int64_t offset = 0;
  if (rest != "Z" && rest != "z") {
    int hours = 0;
    int minutes = 0;
    char sign = 0;
    if (rest.size() != 6 ||
        std::sscanf(std::string(rest).c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 ||
        (sign != '+' && sign != '-'))
      return std::nullopt;
    offset = (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
  }
  at.tm_year -= 1900;
  at.tm_mon -= 1;
  return (static_cast<std::int64_t>(timegm(&at)) - offset) * 1000;
}

/// The question, or a sentence about a body that is none.
std::string read_ban(const http_request& request, admin_question& question) {
  const auto body = json::parse(request.body, nullptr, false);
  question.what = "ban";
  question.terms["by"] = request.caller.name;
  for (const auto* name : {"as", "who", "reason", "by"}) {
    const auto given = body.find(name);
    if (given == body.end()) continue;
    auto text = given->get<std::string>();
    if (text.size() > longest_text)
      return "\"" + std::string(name) + "\" is longer than 1,024 bytes.";
    question.terms[name] = std::move(text);
  }
  const auto as = question.term("as");
  if (as != "clientid" && as != "username" && as != "ip_address")
    return "\"as\" is clientid, username or ip_address.";
  if (question.term("who").empty()) return "\"who\" is empty.";
  if (body.contains("until") && body.contains("expires_in"))
    return "Give either \"until\" or \"expires_in\".";
  if (body.contains("until") && body["until"] != "infinity") {
    const auto at = time_of(body["until"].get<std::string>());
    if (!at) return "\"until\" is a time like 2026-12-01T00:00:00Z, or infinity.";
    question.terms["until"] = std::to_string(*at);
  }
  if (body.contains("expires_in")) {
    const auto seconds = body["expires_in"].get<std::int64_t>();
    if (seconds < 1 || seconds > 3'000'000'000) return "\"expires_in\" is a number of seconds.";
    question.terms["expires_in"] = std::to_string(seconds);
  }
  return {};
}

void make_ban(admin_source& nodes, const http_request& request, const http_reply& reply) {
  admin_question question;
  if (const auto problem = read_ban(request, question); !problem.empty())
    return reply(http_error(400, problem));
  const auto audit =
      "banned " + std::string(question.term("as")) + " " + std::string(question.term("who"));
  nodes.ask_here(std::move(question), [reply, audit](const admin_gathered& all) {
    if (all.answer.status / 100 != 2)
      return reply(http_error(all.answer.status, all.answer.message));
    http_response response;
    response.status = 201;
    response.body = all.answer.rows.front().json + "\n";
    response.audit = audit;
    reply(std::move(response));
  });
}

}  // namespace

void add_ban_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  routes.add({.method = "GET",
              .path = "/api/v1/banned",
              .help = "Who may not connect.",
              .parameters = {{.name = "as",
                              .help = "Bans of that kind.",
                              .type = kind::choice,
                              .choices = {"clientid", "username", "ip_address"}}},
              .answer = std::string(ban_shape),
              .paged = true,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                reply_page_here(*nodes, question_of("bans", request, {"as"}), request, reply);
              }});
  routes.add({.method = "POST",
              .path = "/api/v1/banned",
              .least = admin_role::admin,
              .help = "Bans a client id, a user or an address, and closes who is connected.",
              .body = R"({"as": "text", "who": "text", "reason?": "text", "by?": "text",
                          "until?": "text", "expires_in?": "integer"})",
              .answer = std::string(ban_shape),
              .success = 201,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                make_ban(*nodes, request, reply);
              }});
  routes.add({.method = "DELETE",
              .path = "/api/v1/banned/{as}/{who}",
              .least = admin_role::admin,
              .help = "Lifts a ban.",
              .success = 204,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                auto question = question_of("unban", request, {"as", "who"});
                auto audit = "lifted the ban of " + std::string(question.term("as")) + " " +
                             std::string(question.term("who"));
                nodes->ask_here(std::move(question), [reply, audit](const admin_gathered& all) {
                  if (all.answer.status / 100 != 2)
                    return reply(http_error(all.answer.status, all.answer.message));
                  http_response response;
                  response.status = 204;
                  response.audit = audit;
                  reply(std::move(response));
                });
              }});
}

}  // namespace troupe::observe
