#pragma once

#include "actors/observe/http/http_message.hpp"
#include "protocol/auth/admin/admin_role.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::observe {

using auth::admin_role;

/// What a parameter of the path ("/clients/{id}") or of the query ("?limit=") may be.
struct http_parameter {
  enum class kind : std::uint8_t { text, integer, boolean, choice };

  std::string name = {};
  std::string help = {};  // a sentence
  kind type = kind::text;
  bool required = false;  // those of the path always are
  /// The least and greatest number; bytes of a text.
  std::uint64_t least = 0;
  std::uint64_t greatest = 4096;
  std::vector<std::string> choices = {};
};

/// All that is known of one request that a node takes: the router dispatches and validates
/// by it, the OpenAPI document is made of it, and tests walk it.
///
/// Shapes are JSON that looks like what it stands for: `{"id": "text", "queue": "integer",
/// "rate": "number", "up": "boolean", "tags": ["text"], "more?": {"x": "any"}}`. The values
/// are types, such as "text" or "text|null"; an array has the shape of each of its elements; `?` ends the name of a member
/// that may be missing, `*` alone stands for members of any name.
struct http_route {
  std::string method = {};  // "GET", "POST", "PUT", "DELETE"
  std::string path = {};    // "/api/v1/clients/{id}"; a name in braces takes one whole segment
  admin_role least = admin_role::viewer;
  std::string help = {};                        // one sentence
  std::vector<http_parameter> parameters = {};  // of the query, and those of the path that need a word
  std::string body = {};                        // shape of what is sent; empty: nothing is
  std::string answer = {};                      // shape of a good answer; empty: not JSON
  unsigned success = 200;    // status of a good answer: 204 has no body
  /// The answer is a page of `answer`s: see paging.hpp. Adds `limit` and `cursor`.
  bool paged = false;
  http_handler handler = {};
};

}  // namespace troupe::observe
