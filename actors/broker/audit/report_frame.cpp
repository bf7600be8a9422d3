#include "actors/broker/audit/report_frame.hpp"

#include <algorithm>

namespace troupe::broker {

void put_report(const route_report& from, peer::RouteReport& to) {
  to.set_answered(from.answered);
  to.set_owner(number(from.owner.node));
  to.set_epoch(from.owner.epoch);
  to.set_routes_in_all(from.routes_in_all);
  to.set_drifts(from.drifts);
  for (const auto& each : from.routes) {
    auto& added = *to.add_routes();
    added.set_session(each.session.value);
    added.set_client_id(each.client_id);
    added.set_filter(each.filter);
    added.set_share(each.share);
    added.set_level(static_cast<std::uint32_t>(each.level));
    added.set_durable(each.durable);
    added.set_online(each.online);
    added.set_full(each.full);
    added.set_via(number(each.via));
    added.set_at(number(each.at));
  }
  for (const auto& each : from.checks) {
    auto& added = *to.add_checks();
    added.set_announcer(number(each.announcer));
    if (each.sessions) added.set_sessions(number(*each.sessions));
    added.set_announced_sum(each.announced.sum);
    added.set_announced_count(each.announced.count);
    added.set_held_sum(each.held.sum);
    added.set_held_count(each.held.count);
  }
}

route_report report_of(const peer::RouteReport& from, std::uint16_t shards) {
  route_report report;
  report.answered = from.answered();
  report.owner = {cluster::node_id{from.owner()}, from.epoch()};
  report.routes_in_all = from.routes_in_all();
  report.drifts = from.drifts();
  for (const auto& each : from.routes()) {
    auto& added = report.routes.emplace_back();
    added.session = session_id(each.session());
    added.client_id = each.client_id();
    added.filter = each.filter();
    added.share = each.share();
    added.level = static_cast<mqtt::qos>(std::min(each.level(), 2U));
    added.durable = each.durable();
    added.online = each.online();
    added.full = each.full();
    added.via = cluster::node_id{each.via()};
    added.at = cluster::node_id{each.at()};
  }
  for (const auto& each : from.checks()) {
    if (each.has_sessions() && each.sessions() >= shards) continue;
    auto& added = report.checks.emplace_back();
    added.announcer = cluster::node_id{each.announcer()};
    if (each.has_sessions()) added.sessions = static_cast<shard_id>(each.sessions());
    added.announced = {each.announced_sum(), each.announced_count()};
    added.held = {each.held_sum(), each.held_count()};
  }
  return report;
}

}  // namespace troupe::broker
