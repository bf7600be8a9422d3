#pragma once

#include "actors/observe/counters.hpp"
#include "actors/observe/figures/process_figures.hpp"
#include "actors/observe/snapshot.hpp"

#include <string>

namespace troupe::observe {

inline constexpr const char* exposition_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// Everything of a node in Prometheus' text format: `troupe_*` of its own and
/// the customary `process_*`.
std::string exposition(const counter_values& counters, const snapshot& now,
                       const process_figures& process);

}  // namespace troupe::observe
