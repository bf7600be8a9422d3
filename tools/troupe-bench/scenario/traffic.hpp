#pragma once

#include "tools/troupe-bench/scenario/options.hpp"
#include "tools/troupe-bench/scenario/report.hpp"

namespace troupe::bench {

/// fan-in, fan-out, pairs and shared: publishers and subscribers exchange messages.
/// Takes completed options without complaint.
report run_traffic(const options& given);

}  // namespace troupe::bench
