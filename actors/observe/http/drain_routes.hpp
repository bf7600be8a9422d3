#pragma once

#include "actors/observe/http/http_router.hpp"
#include "actors/observe/snapshot.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace troupe::observe {

/// What is asked of a node about its drain.
struct drain_request {
  enum class verb : std::uint8_t { look, begin, end };
  verb what = verb::look;
  drain_order order;  // to begin
};

/// Called on the endpoint's loop; answers how it is now, at most once, on any thread.
using drain_control = std::function<void(drain_request, std::function<void(drain_figures)>)>;

/// Whether a text may be a Server Reference [MQTT-5.0, 4.11]: at most 256 visible
/// ASCII characters; an empty one is none.
bool is_server_reference(std::string_view text);

/// GET, POST and DELETE /api/v1/node/drain. POST takes
/// `{"rate": 500, "server_reference": "host:port"}`, each of which may be missing; all
/// answer `{"draining": true, "rate": 500, "server_reference": "...", "remaining": 1234}`.
void add_drain_routes(http_router& routes, drain_control control);

}  // namespace troupe::observe
