#pragma once

#include "protocol/auth/admin/admin_role.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The HTTP side of a node without sockets: requests in, responses out.
namespace troupe::observe {

/// Who asks.
struct http_caller {
  auth::admin_role role = auth::admin_role::none;
  std::string name;     // "token ci", "uid 0", "loopback"; for the audit log
  std::string address;  // "127.0.0.1:40000" or "unix"
  std::string refusal;  // a sentence why it has no role, if there is more to say
};

struct http_request {
  std::string method;  // "GET"; HEAD arrives as GET
  std::string path;    // decoded, without the query
  std::string body;
  std::string content_type;  // of the body, as sent
  http_caller caller;
  std::map<std::string, std::string, std::less<>> parameters;  // of the path: "{id}"
  std::map<std::string, std::string, std::less<>> query;       // decoded; only those that were sent

  /// A parameter of the query, or `otherwise`. Validated by the route already.
  std::string asked(std::string_view name, std::string_view otherwise = {}) const;
  std::uint64_t asked_number(std::string_view name, std::uint64_t otherwise) const;
  /// Nothing if it was not sent.
  bool asked_flag(std::string_view name, bool otherwise = false) const;
};

struct http_response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// What was changed, in a few words for the audit log: never a secret.
  std::string audit;
};

/// `{"code": "NOT_FOUND", "message": "..."}`; the code is that of the status.
http_response http_error(unsigned status, std::string_view message);
/// With a code of its own: capitals and underscores, such as "CLIENTID_NOT_FOUND".
http_response http_error(unsigned status, std::string_view code, std::string_view message);

/// Answers a request: exactly once, now or later, on any thread.
using http_reply = std::function<void(http_response)>;
using http_handler = std::function<void(const http_request&, http_reply)>;

/// Resolves %XX; false: a broken escape or a NUL.
bool decode_percent(std::string_view text, std::string& out);

}  // namespace troupe::observe
