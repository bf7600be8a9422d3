#pragma once

#include "actors/observe/http/http_route.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::observe {

/// Finds the handler of a request, after everything that the route declares was checked:
/// 404, 405 (with Allow), 401, 403, 415 and 400 are answered here, each as http_error().
/// Every request that changes something is a line of the audit log, by its outcome.
/// Routes are added before it is used; then it does not change.
class http_router {
 public:
  http_router();
  ~http_router();
  http_router(http_router&&) noexcept;
  http_router& operator=(http_router&&) noexcept;

  /// A route that cannot be (a shape that is none, the same twice) is a fault of the program
  /// and ends it.
  void add(http_route route);

  /// In the order in which they were added.
  const std::vector<http_route>& routes() const noexcept;

  /// `target`: as in the request line; path, parameters and query of `request` are filled from
  /// it.
  void dispatch(http_request request, std::string_view target, http_reply reply) const;

 private:
  struct table;
  std::unique_ptr<table> table_;
};

}  // namespace troupe::observe
