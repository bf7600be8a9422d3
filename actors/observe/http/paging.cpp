#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace troupe::observe {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

}  // namespace

std::string encode_cursor(std::string_view key) {
  std::string cursor;
  cursor.reserve(2 * key.size());
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    cursor += digits[byte >> 4];
    cursor += digits[byte & 15];
  }
  return cursor;
}

bool decode_cursor(std::string_view cursor, std::string& key) {
  key.clear();
  if (cursor.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < cursor.size(); i += 2) {
    const auto high = digits.find(cursor[i]);
    const auto low = digits.find(cursor[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    key += static_cast<char>(high << 4 | low);
  }
  return true;
}

page_request page_of(const http_request& request) {
  page_request page;
  page.limit = std::clamp<std::size_t>(request.asked_number("limit", page_default), 1, page_most);
  if (!decode_cursor(request.asked("cursor"), page.after)) page.after.clear();
  return page;
}

http_response page_response(nlohmann::json data, const std::string& last) {
  return json_response({{"data", std::move(data)}, {"meta", {{"cursor", encode_cursor(last)}}}});
}

http_response json_response(const nlohmann::json& body, unsigned status) {
  http_response response;
  response.status = status;
  response.body = body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace troupe::observe
