#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The HTTP side of a node without sockets: requests in, responses out.
namespace troupe::observe {

struct http_request {
  std::string method;  // "GET"; HEAD arrives as GET
  std::string path;    // decoded, without the query
  std::string query;   // as sent, without '?'
  std::string body;
  std::string content_type;  // as sent
  bool authorized = false;                        // showed the token, or none is set
  std::map<std::string, std::string> parameters;  // of the path: "{id}"
};

struct http_response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// `{"error":{"status":404,"reason":"..."}}`
http_response http_error(unsigned status, std::string_view reason);

/// Answers a request: exactly once, now or later, on any thread.
using http_reply = std::function<void(http_response)>;
using http_handler = std::function<void(const http_request&, http_reply)>;

/// Who may ask: anyone, or only who shows the token, where one is set.
enum class http_access { open, token };

/// Finds the handler of a request. Routes are added before it is used; then
/// it does not change.
class http_router {
 public:
  /// `path`: "/api/v5/clients/{id}"; a name in braces takes one whole segment.
  void add(std::string method, std::string_view path, http_handler handler,
           http_access access = http_access::token);

  /// Answers 404, 405 (with Allow) and 401 itself. `target`: as in the request
  /// line; path and parameters of `request` are filled from it.
  void dispatch(http_request request, std::string_view target, http_reply reply) const;

 private:
  struct route {
    std::string method;
    std::vector<std::string> segments;
    http_handler handler;
    http_access access;
  };
  std::vector<route> routes_;
};

/// Resolves %XX; false: a broken escape or a NUL.
bool decode_percent(std::string_view text, std::string& out);

}  // namespace troupe::observe
