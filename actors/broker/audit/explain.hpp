#pragma once

#include "actors/broker/audit/route_report.hpp"
#include "actors/broker/routing/matcher.hpp"

#include <string>

namespace troupe::broker {

/// Adds the subscriptions that match the topic to the report, up to a limit. Not for the hot path.
void explain(const broker_context& context, matcher& routes, const std::string& topic,
             route_report& report);

}  // namespace troupe::broker
