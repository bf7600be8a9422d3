#include "actors/observe/routes/ask_nodes.hpp"

#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

namespace troupe::observe {

http_response refusal(const admin_gathered& all, std::string_view code) {
  if (all.answer.status == 503 && !all.silent.empty()) {
    std::string names;
    for (const auto& each : all.silent) names += (names.empty() ? "" : ", ") + each;
    return http_error(503, all.answer.message + ": " + names);
  }
  if (all.answer.status == 404 && !code.empty()) return http_error(404, code, all.answer.message);
  return http_error(all.answer.status, all.answer.message);
}

admin_question question_of(std::string what, const http_request& request,
                           std::initializer_list<std::string_view> terms) {
  admin_question question;
  question.what = std::move(what);
  for (const auto name : terms) {
    if (const auto sent = request.query.find(name); sent != request.query.end())
      question.terms.emplace(name, sent->second);
    else if (const auto part = request.parameters.find(name); part != request.parameters.end())
      question.terms.emplace(name, part->second);
  }
  return question;
}

http_parameter node_parameter() {
  return {.name = "node", .help = "Only what this node has.", .greatest = 64};
}

namespace {

void page_asked_for(admin_question& question, const http_request& request) {
  auto page = page_of(request);
  question.after = std::move(page.after);
  question.limit = static_cast<std::uint32_t>(page.limit);
}

/// Rows are JSON already, and there may be thousands: they are not read again.
void reply_rows(const admin_gathered& all, const http_reply& reply) {
  if (all.answer.status / 100 != 2) return reply(refusal(all, {}));
  const auto& rows = all.answer.rows;
  http_response response;
  auto& body = response.body;
  body = "{\"data\":[";
  for (const auto& row : rows) {
    if (&row != &rows.front()) body += ",\n";
    body += row.json;
  }
  const bool more = all.answer.more && !rows.empty();
  const nlohmann::json rest = {{"meta",
                                {{"cursor", more ? encode_cursor(rows.back().key) : std::string()},
                                 {"count", rows.size()},
                                 {"hasnext", more}}},
                               {"partial", all.silent}};
  const auto text = rest.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  body += "],\n" + text.substr(1) + "\n";
  reply(std::move(response));
}

}  // namespace

void reply_page(admin_source& nodes, admin_question question, const http_request& request,
                const http_reply& reply) {
  page_asked_for(question, request);
  nodes.ask(std::move(question), request.asked("node"),
            [reply](const admin_gathered& all) { reply_rows(all, reply); });
}

void reply_page_here(admin_source& nodes, admin_question question, const http_request& request,
                     const http_reply& reply) {
  page_asked_for(question, request);
  nodes.ask_here(std::move(question),
                 [reply](const admin_gathered& all) { reply_rows(all, reply); });
}

void reply_one(admin_source& nodes, admin_question question, std::string node,
               const http_reply& reply) {
  nodes.ask(std::move(question), std::move(node), [reply](const admin_gathered& all) {
    if (all.answer.status / 100 != 2) return reply(refusal(all, {}));
    if (all.answer.rows.empty()) return reply(http_error(404, "There is no such thing."));
    http_response response;
    response.body = all.answer.rows.front().json + "\n";
    reply(std::move(response));
  });
}

void reply_outcome(admin_source& nodes, admin_question question,
                   std::function<std::string(const std::string& json)> audit,
                   const http_reply& reply) {
  nodes.ask(std::move(question), {},
            [reply, audit = std::move(audit)](const admin_gathered& all) {
              if (all.answer.status / 100 != 2) return reply(refusal(all, {}));
              if (all.answer.rows.empty())
                return reply(http_error(404, "There is no such thing."));
              const auto& outcome = all.answer.rows.front().json;
              http_response response;
              response.body = outcome + "\n";
              response.audit = audit(outcome);
              reply(std::move(response));
            });
}

void reply_order(admin_source& nodes, admin_question question, std::string done,
                 const http_reply& reply) {
  nodes.ask(std::move(question), {}, [reply, done = std::move(done)](const admin_gathered& all) {
    if (all.answer.status / 100 != 2) return reply(refusal(all, {}));
    http_response response;
    response.status = 204;
    response.audit = done;
    reply(std::move(response));
  });
}

}  // namespace troupe::observe
