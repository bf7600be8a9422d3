#pragma once

#include "actors/observe/http/http_message.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>

/// How long lists are answered: `?limit=100&cursor=...` asks for
/// `{"data": [...], "meta": {"cursor": "..."}}`, and the cursor of a page asks for the next.
/// The last page's cursor is empty. What changes meanwhile may be missed or not, but what
/// stays is in exactly one page if a list is in an order of keys that do not change.
namespace troupe::observe {

inline constexpr std::size_t page_default = 100;
inline constexpr std::size_t page_most = 10'000;

/// What a request asks of a list whose route is `paged`.
struct page_request {
  std::size_t limit = page_default;  // 1 to page_most
  std::string after;                 // key of the last item of the page before; empty: the first
};

/// The router has checked both parameters.
page_request page_of(const http_request& request);

/// A page: `data` is a JSON array of at most `limit` items, `last` the key of its last item,
/// any bytes, or empty if nothing comes after it.
http_response page_response(nlohmann::json data, const std::string& last);

/// A good answer; badly encoded texts, which devices can send, do no harm.
http_response json_response(const nlohmann::json& body, unsigned status = 200);

/// Cursors are keys in letters that a URL takes. False: it is none.
std::string encode_cursor(std::string_view key);
bool decode_cursor(std::string_view cursor, std::string& key);

}  // namespace troupe::observe
