#include "actors/observe/http/http_router.hpp"

#include "actors/observe/api/audit.hpp"
#include "actors/observe/api/http_shape.hpp"
#include "actors/observe/api/query.hpp"
#include "actors/observe/http/paging.hpp"
#include "actors/observe/log.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::string_view name_of(std::string_view segment) {
  return segment.substr(1, segment.size() - 2);
}

/// A page of another site can make a browser post, but not with this type.
bool is_json(std::string_view content_type) {
  return content_type.substr(0, content_type.find_first_of("; ")) == "application/json";
}

/// A handler that fails must neither end the process nor leave the peer waiting.
void call(const http_handler& handler, const http_request& request, const http_reply& reply) {
  try {
    handler(request, reply);
  } catch (const std::exception& failure) {
    log_limited(log_module::admin, log_level::error, "An HTTP request failed",
                {{"path", request.path}, {"reason", failure.what()}});
    reply(http_error(500, "The request failed inside the node; its log says more."));
  }
}

http_response refuse_caller(const http_caller& caller, admin_role least) {
  if (caller.role == admin_role::none) {
    auto refusal = http_error(401, caller.refusal.empty()
                                       ? "Send a token of this node: Authorization: Bearer ..."
                                       : std::string_view(caller.refusal));
    refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
    return refusal;
  }
  return http_error(403, "This needs the role " + std::string(name(least)) + "; " + caller.name +
                             " is " + std::string(name(caller.role)) + ".");
}

}  // namespace

struct http_router::table {
  struct row {
    std::vector<std::string> segments;
    std::vector<http_parameter> of_path;
    std::vector<http_parameter> of_query;
    json body;  // shape; null: none

    bool matches(const std::vector<std::string>& asked) const {
      return std::equal(segments.begin(), segments.end(), asked.begin(), asked.end(),
                        [](const std::string& want, const std::string& have) {
                          return want == have || is_parameter(want);
                        });
    }
    std::size_t exact() const {
      return static_cast<std::size_t>(std::ranges::count_if(
          segments, [](const std::string& each) { return !is_parameter(each); }));
    }
  };
  std::vector<http_route> routes;
  std::vector<row> rows;  // one for each route

  /// A sentence about what is wrong with the request, or empty.
  std::string check(std::size_t which, std::vector<std::string>& segments,
                    std::string_view raw_query, http_request& request) const;
  const row* find(const std::vector<std::string>& segments, const std::string& method,
                  std::string& allowed) const;
};

std::string http_router::table::check(std::size_t which, std::vector<std::string>& segments,
                                      std::string_view raw_query, http_request& request) const {
  const auto& wanted = rows[which];
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!is_parameter(wanted.segments[i])) continue;
    request.parameters.emplace(name_of(wanted.segments[i]), std::move(segments[i]));
  }
  for (const auto& each : wanted.of_path) {
    const auto given = request.parameters.find(each.name);
    if (auto fault = parameter_fault(each, given->second); !fault.empty()) return fault;
  }
  if (auto fault = read_query(raw_query, wanted.of_query, request.query); !fault.empty())
    return fault;
  if (const auto cursor = request.query.find("cursor");
      routes[which].paged && cursor != request.query.end()) {
    std::string ignored;
    if (!decode_cursor(cursor->second, ignored))
      return "\"cursor\" must be what an answer's meta.cursor was.";
  }
  if (wanted.body.is_null())
    return request.body.empty() ? std::string() : "This request takes no body.";
  const auto body =
      request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return "The body is not JSON.";
  return shape_fault(body, wanted.body);
}

const http_router::table::row* http_router::table::find(const std::vector<std::string>& segments,
                                                        const std::string& method,
                                                        std::string& allowed) const {
  const row* best = nullptr;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].matches(segments)) continue;
    if (routes[i].method != method) {
      if (allowed.find(routes[i].method) != std::string::npos) continue;
      allowed += (allowed.empty() ? "" : ", ") + routes[i].method;
      if (routes[i].method == "GET") allowed += ", HEAD";
    } else if (best == nullptr || rows[i].exact() > best->exact()) {
      best = &rows[i];  // "/actors/top" before "/actors/{id}"
    }
  }
  return best;
}

http_router::http_router() : table_(std::make_unique<table>()) {}
http_router::~http_router() = default;
http_router::http_router(http_router&&) noexcept = default;
http_router& http_router::operator=(http_router&&) noexcept = default;

const std::vector<http_route>& http_router::routes() const noexcept {
  return table_->routes;
}

void http_router::add(http_route route) {
  table::row row;
  if (route.paged) {
    route.parameters.push_back({.name = "limit",
                                .help = "Items of a page at most.",
                                .type = http_parameter::kind::integer,
                                .least = 1,
                                .greatest = page_most});
    route.parameters.push_back({.name = "cursor",
                                .help = "meta.cursor of the page before; none: the first page.",
                                .greatest = 7000});
  }
  for (const auto segment : split(route.path)) {
    row.segments.emplace_back(segment);
    if (!is_parameter(segment)) continue;
    auto known = std::ranges::find(route.parameters, name_of(segment), &http_parameter::name);
    if (known == route.parameters.end())
      known = route.parameters.insert(known, {.name = std::string(name_of(segment))});
    known->required = true;
    row.of_path.push_back(*known);
  }
  for (const auto& each : route.parameters) {
    if (std::ranges::find(row.of_path, each.name, &http_parameter::name) == row.of_path.end())
      row.of_query.push_back(each);
  }
  if (!route.body.empty()) row.body = parse_shape(route.body);
  if (!route.answer.empty()) parse_shape(route.answer);
  for (const auto& other : table_->routes) {
    if (other.method != route.method || other.path != route.path) continue;
    log_event(log_module::admin, log_level::critical, "A route is declared twice",
              {{"method", route.method}, {"path", route.path}});
    stop_logging();
    std::abort();
  }
  table_->routes.push_back(std::move(route));
  table_->rows.push_back(std::move(row));
}

void http_router::dispatch(http_request request, std::string_view target, http_reply reply) const {
  const auto question = target.find('?');
  const auto raw_query =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  const auto raw_path = target.substr(0, question);
  std::vector<std::string> segments;
  // Split before decoding: "%2F" belongs to a client id, not to the path.
  for (const auto segment : split(raw_path)) {
    if (!decode_percent(segment, segments.emplace_back()))
      return reply(http_error(400, "The path has a broken escape."));
  }
  if (!raw_path.starts_with('/') || !decode_percent(raw_path, request.path))
    return reply(http_error(400, "The path must begin with a slash."));

  std::string allowed;
  const auto* const row = table_->find(segments, request.method, allowed);
  if (row == nullptr) {
    if (allowed.empty()) return reply(http_error(404, "There is nothing at this path."));
    auto refusal = http_error(405, "This path does not take that method.");
    refusal.headers.emplace_back("Allow", allowed);
    return reply(std::move(refusal));
  }
  const auto which = static_cast<std::size_t>(row - table_->rows.data());
  const auto& route = table_->routes[which];
  if (route.least != admin_role::none && request.caller.role < route.least) {
    audit_refused(request);
    return reply(refuse_caller(request.caller, route.least));
  }
  if (changes_something(request.method)) {
    reply = audited(request, std::move(reply));
    if (!route.body.empty() && !is_json(request.content_type))
      return reply(http_error(415, "Send the header Content-Type: application/json."));
  }
  if (const auto fault = table_->check(which, segments, raw_query, request); !fault.empty())
    return reply(http_error(400, fault));
  call(route.handler, request, reply);
}

}  // namespace troupe::observe
