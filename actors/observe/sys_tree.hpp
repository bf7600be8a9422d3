#pragma once

#include "actors/observe/counters.hpp"
#include "actors/observe/figures/load_average.hpp"
#include "actors/observe/figures/process_figures.hpp"
#include "actors/observe/snapshot.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::observe {

struct sys_value {
  std::string topic;
  std::string value;
  bool operator==(const sys_value&) const = default;
};

/// The `$SYS` topics of a node: Mosquitto's tree under `$SYS/broker` and the
/// node's own under `$SYS/brokers/<node>`. Time and figures go in, topics with
/// new values come out, to be published retained. Not thread-safe.
class sys_tree {
 public:
  /// What changed since the last call; all of it on the first. Meant to be
  /// called every few seconds; the averages take the time from the uptime.
  std::vector<sys_value> update(const snapshot& now, const counter_values& counters,
                                const process_figures& process);

  /// All topics and their last values, in order.
  const std::map<std::string, std::string>& values() const noexcept { return values_; }

 private:
  static constexpr std::size_t load_count = 9;

  void set(std::string topic, std::string value);
  void update_clients(const snapshot& now, const counter_values& counters);
  void update_traffic(const snapshot& now, const counter_values& counters);
  void update_loads(const snapshot& now, const counter_values& counters);
  void update_node(const snapshot& now, const counter_values& counters);

  std::map<std::string, std::string> values_;
  std::vector<sys_value> changed_;  // of the update that runs
  std::array<load_average, load_count> loads_;
  double last_uptime_ = 0;
};

}  // namespace troupe::observe
