#pragma once

#include "tools/troupe-bench/scenario/options.hpp"
#include "tools/troupe-bench/scenario/report.hpp"

namespace troupe::bench {

// All take completed options without complaint.

/// fan-in, fan-out, pairs and shared: publishers and subscribers exchange messages.
report run_traffic(const options& given);
/// Connections come and go, or come and stay.
report run_connect(const options& given);
/// Clients hold still; what they cost.
report run_idle(const options& given);
/// Messages for sessions that are away, then they come back.
report run_offline(const options& given);
/// Retained messages are set, then somebody subscribes to all.
report run_retained(const options& given);
/// All connections break at once and come back.
report run_reconnect(const options& given);

/// The one that is given.
report run(const options& given);

}  // namespace troupe::bench
