#pragma once

#include "actors/config/configuration.hpp"

#include <string>
#include <vector>

namespace troupe::config {

/// A key that has another value in the new configuration.
struct change {
  std::string key;          // "limits.max_packet_size", "listeners.tls.bind", "listeners.extra"
  bool reloadable = false;  // false: takes effect at the next start only

  bool operator==(const change&) const = default;
};

/// What a reload would change, in the order of the example file. Listeners
/// are told apart by name; one that came or went is a change of its own.
std::vector<change> describe_changes(const configuration& before, const configuration& after);

/// `before` with every changed key that can be reloaded taken from `after`:
/// what is in force after the reload.
configuration with_reloadable(const configuration& before, const configuration& after);

/// A key and what it is in force.
struct shown_key {
  std::string key;  // "limits.max_packet_size", "listeners.tls.bind"
  std::string value;  // as key::show() has it: no secret
  bool is_default = false;
  bool reloadable = false;
};

/// Every key, in the order of the example file, listeners first.
std::vector<shown_key> show_all(const configuration& of);

}  // namespace troupe::config
