#include "actors/observe/http/http_message.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstdint>

namespace troupe::observe {
namespace {

std::string_view code_of(unsigned status) {
  switch (status) {
    case 400:
      return "BAD_REQUEST";
    case 401:
      return "UNAUTHORIZED";
    case 403:
      return "FORBIDDEN";
    case 404:
      return "NOT_FOUND";
    case 405:
      return "METHOD_NOT_ALLOWED";
    case 409:
      return "CONFLICT";
    case 413:
      return "TOO_LARGE";
    case 415:
      return "UNSUPPORTED_MEDIA_TYPE";
    case 431:
      return "HEADER_TOO_LARGE";
    case 503:
      return "SERVICE_UNAVAILABLE";
    default:
      return status < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR";
  }
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

http_response http_error(unsigned status, std::string_view message) {
  return http_error(status, code_of(status), message);
}

http_response http_error(unsigned status, std::string_view code, std::string_view message) {
  http_response response;
  response.status = status;
  const nlohmann::ordered_json body = {{"code", code}, {"message", message}};
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

std::string http_request::asked(std::string_view name, std::string_view otherwise) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string(otherwise) : found->second;
}

std::uint64_t http_request::asked_number(std::string_view name, std::uint64_t otherwise) const {
  const auto found = query.find(name);
  std::uint64_t number = 0;
  if (found == query.end()) return otherwise;
  const auto* const end = found->second.data() + found->second.size();
  const auto read = std::from_chars(found->second.data(), end, number);
  return read.ec == std::errc() && read.ptr == end ? number : otherwise;
}

bool http_request::asked_flag(std::string_view name, bool otherwise) const {
  const auto found = query.find(name);
  return found == query.end() ? otherwise : found->second == "true";
}

}  // namespace troupe::observe
