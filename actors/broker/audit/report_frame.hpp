#pragma once

#include "actors/broker/audit/route_report.hpp"
#include "actors/broker/remote/peer_frame.hpp"

namespace troupe::broker {

void put_report(const route_report& from, peer::RouteReport& to);
/// Without what names a shard that there is not.
route_report report_of(const peer::RouteReport& from, std::uint16_t shards);

}  // namespace troupe::broker
