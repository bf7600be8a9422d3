#include "actors/observe/http/http_router.hpp"

#include "actors/observe/log.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>

namespace troupe::observe {
namespace {

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

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& segments) {
  return std::equal(pattern.begin(), pattern.end(), segments.begin(), segments.end(),
                    [](const std::string& want, const std::string& have) {
                      return want == have || is_parameter(want);
                    });
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
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

}  // namespace

http_response http_error(unsigned status, std::string_view reason) {
  http_response response;
  response.status = status;
  const nlohmann::json body = {{"error", {{"status", status}, {"reason", reason}}}};
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

bool decode_percent(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return false;
    out += c;
  }
  return true;
}

void http_router::add(std::string method, std::string_view path, http_handler handler,
                      http_access access) {
  route added{std::move(method), {}, std::move(handler), access};
  for (const auto segment : split(path)) added.segments.emplace_back(segment);
  routes_.push_back(std::move(added));
}

void http_router::dispatch(http_request request, std::string_view target, http_reply reply) const {
  const auto question = target.find('?');
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
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
  for (const auto& each : routes_) {
    if (!matches(each.segments, segments)) continue;
    if (each.method != request.method) {
      allowed += (allowed.empty() ? "" : ", ") + each.method;
      if (each.method == "GET") allowed += ", HEAD";
      continue;
    }
    if (each.access == http_access::token && !request.authorized) {
      auto refusal = http_error(401, "Send the token of this endpoint: Authorization: Bearer ...");
      refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
      return reply(std::move(refusal));
    }
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const std::string_view want = each.segments[i];
      if (is_parameter(want))
        request.parameters.emplace(want.substr(1, want.size() - 2), std::move(segments[i]));
    }
    return call(each.handler, request, reply);
  }
  if (allowed.empty()) return reply(http_error(404, "There is nothing at this path."));
  auto refusal = http_error(405, "This path does not take that method.");
  refusal.headers.emplace_back("Allow", allowed);
  reply(std::move(refusal));
}

}  // namespace troupe::observe
