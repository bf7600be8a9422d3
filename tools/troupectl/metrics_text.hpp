#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace troupe::ctl {

/// Prometheus' text format as JSON: `{"data": [{"name", "type", "labels", "value"}]}`, a sample a
/// row, in their order. Numbers that JSON has not (NaN, infinity) are null; what is no sample is
/// left out.
nlohmann::json metrics_of(std::string_view text);

}  // namespace troupe::ctl
