#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include "actors/config/configuration.hpp"
#include "actors/device/listener_settings.hpp"
#include "actors/observe/http/drain_routes.hpp"
#include "actors/observe/snapshot.hpp"

namespace troupe::device {

/// New settings for connections that come from now on.
struct listener_reload {
  std::shared_ptr<const listener_settings> settings;
};
/// Stop taking connections; those that are open stay.
struct listener_stop {};

/// Accepts devices on one endpoint and spreads them over the run loops.
using listener_actor =
    caf::typed_actor<caf::reacts_to<listener_reload>, caf::reacts_to<listener_stop>>;

/// A reload of the configuration (SIGHUP, HTTP); the outcome is logged, and told if asked for:
/// why nothing was changed, or nothing.
struct node_reload {
  std::shared_ptr<const config::configuration> configuration;
  std::function<void(std::vector<std::string> errors)> done = {};
};
/// An orderly stop; `done` is called when every session has said goodbye.
struct node_stop {
  std::function<void()> done;
};
/// Figures for HTTP and $SYS.
struct node_look {
  std::function<void(observe::snapshot)> answer;
};
/// Asks how the node drains, or has it begin or end.
struct node_drain {
  observe::drain_request request;
  std::function<void(observe::drain_figures)> answer;
};
/// A device came or went, for `$SYS/brokers/<node>/clients/...`.
struct client_came_or_went {
  bool connected = false;
  std::string client_id;
  std::string username;
  std::string address;
  std::string why;
};

/// Supervises the node: listeners, shards, $SYS, figures, reload and stop.
using node_actor = caf::typed_actor<caf::reacts_to<node_reload>, caf::reacts_to<node_stop>,
                                    caf::reacts_to<node_look>, caf::reacts_to<node_drain>,
                                    caf::reacts_to<client_came_or_went>>;

}  // namespace troupe::device

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::device::listener_reload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::device::listener_stop)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::device::node_reload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::device::node_stop)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::device::node_look)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::device::node_drain)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::device::client_came_or_went)
