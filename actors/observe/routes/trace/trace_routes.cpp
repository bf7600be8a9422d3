// Following a client, a topic or an address: the same traces on all nodes, by way of any of them.

#include "actors/observe/http/http_router.hpp"
#include "actors/observe/http/paging.hpp"
#include "actors/observe/routes/ask_nodes.hpp"
#include "actors/observe/routes/inspect_routes.hpp"
#include "actors/observe/routes/trace/trace_merge.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;
using kind = http_parameter::kind;
using answered = std::function<void(const admin_gathered&)>;

// As nodes have them, too: actors/broker/trace/trace_spec.hpp.
constexpr std::size_t most_traces = 10;
constexpr std::uint64_t slots = 16;
constexpr std::size_t most_events_of_a_page = 1'000;
// Rows that nodes say of themselves before their events.
constexpr std::uint32_t rows_of_nodes = 4'096;

constexpr std::string_view trace_shape =
    R"({"name": "text", "type": "text", "clientid?": "text", "topic?": "text",
        "ip_address?": "text", "by": "text", "start_at": "text|null", "end_at": "text|null",
        "duration": "integer", "max_events": "integer", "status": "text", "events": "integer",
        "lost": "integer", "nodes": ["text"]})";

std::string with_partial(std::string_view shape) {
  return R"({"data": [)" + std::string(shape) + R"(], "partial": ["text"]})";
}

std::string log_shape() {
  return R"({"data": [{"at_us": "integer", "node": "text", "event": "text", "message?": "text",
      "clientid?": "text", "topic?": "text", "qos?": "integer", "payload_size?": "integer",
      "packet_id?": "integer", "peer?": "text", "text": "text", "reason?": "text"}],
      "meta": {"cursor": "text", "count": "integer", "hasnext": "boolean"},
      "trace": )" +
         std::string(trace_shape) + R"(, "partial": ["text"]})";
}

admin_question question(std::string what) {
  admin_question q;
  q.what = std::move(what);
  q.limit = rows_of_nodes;
  return q;
}

http_response refusal(unsigned status, const std::string& why) {
  return http_error(status, why);
}

/// A node that came later than a trace hears of it from whoever looks at it.
void tell_who_missed_it(admin_source& nodes, const trace_overview& all) {
  for (const auto& [name, trace] : all.traces) {
    if (!trace.running) continue;
    for (const auto& node : all.missing(trace)) {
      auto start = question("trace_start");
      start.terms = trace.spec;
      nodes.ask(std::move(start), node, [](const admin_gathered&) {});
    }
  }
}

/// One that is being started: checked, given a slot, told to all nodes; taken back if one of
/// them does not take it. Two that begin at the same time may want the same slot: then again.
class starting : public std::enable_shared_from_this<starting> {
 public:
  starting(std::shared_ptr<admin_source> nodes,
           std::map<std::string, std::string, std::less<>> terms, http_reply reply)
      : nodes_(std::move(nodes)), terms_(std::move(terms)), reply_(std::move(reply)) {}

  void begin() {
    auto check = question("trace_check");
    check.terms = terms_;
    nodes_->ask_here(std::move(check), [self = shared_from_this()](const admin_gathered& said) {
      if (said.answer.status / 100 != 2)
        return self->reply_(refusal(said.answer.status, said.answer.message));
      self->look();
    });
  }

 private:
  static constexpr unsigned most_tries = 4;

  void look() {
    nodes_->ask(question("traces"), {}, [self = shared_from_this()](const admin_gathered& all) {
      if (all.answer.status / 100 != 2)
        return self->reply_(refusal(all.answer.status, all.answer.message));
      self->choose(overview_of(all.answer.rows));
    });
  }

  void choose(const trace_overview& all) {
    const auto& name = terms_["name"];
    if (all.traces.contains(name))
      return reply_(refusal(409, "There is a trace \"" + name + "\" already: delete it first."));
    if (all.traces.size() >= most_traces)
      return reply_(refusal(
          409, "There are " + std::to_string(most_traces) + " traces already: delete one."));
    std::uint64_t slot = tries_;
    const auto taken = [&](std::uint64_t wanted) {
      return std::ranges::any_of(all.traces,
                                 [&](const auto& each) { return each.second.slot == wanted; });
    };
    while (slot < slots && taken(slot)) ++slot;
    if (slot == slots) return reply_(refusal(409, "There are too many traces: delete one."));
    terms_["slot"] = std::to_string(slot);
    terms_["started_at"] = std::to_string(all.now_ms);
    auto start = question("trace_start");
    start.terms = terms_;
    nodes_->ask(std::move(start), {},
                [self = shared_from_this()](const admin_gathered& said) { self->started(said); });
  }

  void started(const admin_gathered& said) {
    std::string problem;
    for (const auto& row : said.answer.rows) {
      const auto node = json::parse(row.json, nullptr, false);
      if (node.is_object() && problem.empty()) problem = node.value("problem", std::string());
    }
    if (said.answer.status / 100 != 2) problem = said.answer.message;
    if (!problem.empty()) {
      auto back = question("trace_delete");
      back.terms["name"] = terms_["name"];
      back.terms["started_at"] = terms_["started_at"];
      return nodes_->ask(
          std::move(back), {}, [self = shared_from_this(), problem](const admin_gathered&) {
            if (problem == "slot" && ++self->tries_ < most_tries) return self->look();
            self->reply_(
                refusal(409, problem == "slot" ? "Others start traces now; try again." : problem));
          });
    }
    nodes_->ask(question("traces"), {}, [self = shared_from_this()](const admin_gathered& all) {
      const auto now = overview_of(all.answer.rows);
      const auto found = now.traces.find(self->terms_["name"]);
      if (found == now.traces.end())
        return self->reply_(refusal(503, "The trace is gone already."));
      auto response = json_response(found->second.shown, 201);
      response.audit = "started trace " + found->first;
      self->reply_(std::move(response));
    });
  }

  const std::shared_ptr<admin_source> nodes_;
  std::map<std::string, std::string, std::less<>> terms_;
  const http_reply reply_;
  unsigned tries_ = 0;
};

void start(const std::shared_ptr<admin_source>& nodes, const http_request& request,
           const http_reply& reply) {
  const auto body = json::parse(request.body, nullptr, false);
  std::map<std::string, std::string, std::less<>> terms;
  terms["by"] = request.caller.name;
  terms["name"] = body.value("name", std::string());
  const auto type = body.value("type", std::string());
  terms["type"] = type;
  unsigned named = 0;
  for (const auto* each : {"clientid", "topic", "ip_address"}) {
    if (!body.contains(each)) continue;
    ++named;
    if (type == each) terms["what"] = body[each].get<std::string>();
  }
  if (type != "clientid" && type != "topic" && type != "ip_address")
    return reply(refusal(400, "\"type\" is clientid, topic or ip_address."));
  if (named != 1 || !terms.contains("what"))
    return reply(refusal(400, "Give \"" + type + "\", and none of the other two."));
  for (const auto* each : {"duration", "max_events"}) {
    if (!body.contains(each)) continue;
    if (body[each].get<std::int64_t>() < 1)
      return reply(refusal(400, "\"" + std::string(each) + "\" is a number above 0."));
    terms[each] = std::to_string(body[each].get<std::int64_t>());
  }
  std::make_shared<starting>(nodes, std::move(terms), reply)->begin();
}

void list(const std::shared_ptr<admin_source>& nodes, const http_reply& reply) {
  nodes->ask(question("traces"), {}, [nodes, reply](const admin_gathered& all) {
    if (all.answer.status / 100 != 2) return reply(refusal(all.answer.status, all.answer.message));
    const auto now = overview_of(all.answer.rows);
    tell_who_missed_it(*nodes, now);
    auto data = json::array();
    for (const auto& [name, trace] : now.traces) data.push_back(trace.shown);
    reply(json_response({{"data", std::move(data)}, {"partial", all.silent}}));
  });
}

void log(const std::shared_ptr<admin_source>& nodes, const http_request& request,
         const http_reply& reply) {
  const auto name = request.parameters.find("name")->second;
  trace_places places;
  std::string cursor;
  const auto sent = request.query.find("cursor");
  if (sent != request.query.end() && !sent->second.empty() &&
      (!decode_cursor(sent->second, cursor) || !read_places(cursor, places)))
    return reply(refusal(400, "\"cursor\" must be what an answer's meta.cursor was."));
  const auto limit = static_cast<std::size_t>(request.asked_number("limit", 100));
  auto ask = question("trace_log");
  ask.terms["name"] = name;
  ask.terms["cursor"] = cursor;
  ask.terms["most"] = std::to_string(limit);
  ask.limit = static_cast<std::uint32_t>(limit) + rows_of_nodes;
  nodes->ask(std::move(ask), {}, [nodes, reply, name, places, limit](const admin_gathered& all) {
    if (all.answer.status / 100 != 2) return reply(refusal(all.answer.status, all.answer.message));
    const auto now = overview_of(all.answer.rows);
    const auto found = now.traces.find(name);
    if (found == now.traces.end())
      return reply(refusal(all.silent.empty() ? 404 : 503, "There is no trace \"" + name + "\"."));
    tell_who_missed_it(*nodes, now);
    const auto page = page_of_log(all.answer.rows, all.answer.more, places, limit, now.names);
    reply(json_response({{"data", page.events},
                         {"meta",
                          {{"cursor", encode_cursor(text_of(page.places))},
                           {"count", page.events.size()},
                           {"hasnext", page.more}}},
                         {"trace", found->second.shown},
                         {"partial", all.silent}}));
  });
}

}  // namespace

void add_trace_routes(http_router& routes, std::shared_ptr<admin_source> nodes) {
  const http_parameter named{.name = "name", .help = "Of the trace.", .greatest = 64};
  routes.add({.method = "POST",
              .path = "/api/v1/trace",
              .least = admin_role::operator_,
              .help = "Begins to follow a client, a topic filter or an address on all nodes, for "
                      "so many seconds (600) and with so many events kept on a node (5000).",
              .body = R"({"name": "text", "type": "text", "clientid?": "text", "topic?": "text",
                          "ip_address?": "text", "duration?": "integer",
                          "max_events?": "integer"})",
              .answer = std::string(trace_shape),
              .success = 201,
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                start(nodes, request, reply);
              }});
  routes.add(
      {.method = "GET",
       .path = "/api/v1/trace",
       .help = "The traces that run or are over, of all nodes.",
       .answer = with_partial(trace_shape),
       .handler = [nodes](const http_request&, const http_reply& reply) { list(nodes, reply); }});
  routes.add({.method = "GET",
              .path = "/api/v1/trace/{name}/log",
              .help = "What a trace has seen on all nodes, by time; meta.cursor asks for what "
                      "comes after, also later.",
              .parameters = {named,
                             {.name = "limit",
                              .help = "Events of a page at most.",
                              .type = kind::integer,
                              .least = 1,
                              .greatest = most_events_of_a_page},
                             {.name = "cursor",
                              .help = "meta.cursor of the page before; none: the first page.",
                              .greatest = 7000}},
              .answer = log_shape(),
              .handler = [nodes](const http_request& request, const http_reply& reply) {
                log(nodes, request, reply);
              }});
  const auto order = [&](const char* method, std::string path, const char* help, const char* what,
                         const char* did) {
    routes.add(
        {.method = method,
         .path = std::move(path),
         .least = admin_role::operator_,
         .help = help,
         .parameters = {named},
         .success = 204,
         .handler = [nodes, what, did](const http_request& request, const http_reply& reply) {
           auto q = question_of(what, request, {"name"});
           auto audit = did + std::string(q.term("name"));
           reply_order(*nodes, std::move(q), std::move(audit), reply);
         }});
  };
  order("PUT", "/api/v1/trace/{name}/stop", "Ends a trace; what it has seen stays for an hour.",
        "trace_stop", "stopped trace ");
  order("DELETE", "/api/v1/trace/{name}", "Ends a trace and forgets what it has seen.",
        "trace_delete", "deleted trace ");
}

}  // namespace troupe::observe
