#include "actors/observe/api/audit.hpp"

#include "actors/observe/log.hpp"

#include <utility>

namespace troupe::observe {

bool changes_something(std::string_view method) noexcept {
  return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

http_reply audited(const http_request& request, http_reply reply) {
  return [who = request.caller, method = request.method, path = request.path,
          reply = std::move(reply)](http_response response) {
    log_event(log_module::audit, response.status < 400 ? log_level::info : log_level::warning,
              response.status < 400 ? "Changed by an administrator"
                                    : "A change by an administrator failed",
              {{"who", who.name},
               {"role", name(who.role)},
               {"from", who.address},
               {"method", method},
               {"path", path},
               {"status", response.status},
               {"what", response.audit}});
    reply(std::move(response));
  };
}

void audit_refused(const http_request& request) {
  log_limited(log_module::audit, log_level::warning, "An administrator was refused",
              {{"who", request.caller.name},
               {"role", name(request.caller.role)},
               {"from", request.caller.address},
               {"method", request.method},
               {"path", request.path}});
}

}  // namespace troupe::observe
