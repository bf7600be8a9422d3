// What people want to know of a topic: who gets it, and by which way.

#include "actors/broker/audit/explain.hpp"

#include "actors/broker/remote/peers.hpp"

namespace troupe::broker {

namespace {

constexpr std::size_t most_told = 1'000;

found_route found_as(const broker_context& context, std::string_view filter, const route& entry,
                     const subscription& s) {
  const auto& who = *s.who;
  found_route found;
  found.session = who.id();
  found.client_id = who.client_id();
  found.filter = filter;
  if (entry.group) found.share = *entry.group->name;
  found.level = s.options.maximum_qos;
  found.durable = who.durable();
  found.online = who.online();
  found.full = who.full();
  if (context.remote == nullptr) return found;
  const auto self = context.remote->self();
  const auto announcer = who.remote() ? who.announcer() : self;
  found.via = who.kept() ? context.remote->owner(who.id().shard()).node : announcer;
  found.at = who.awake_at() != cluster::no_node ? who.awake_at() : announcer;
  if (found.client_id.empty())
    if (const auto known = context.remote->sessions().find(who.id()))
      found.client_id = known->client_id();
  return found;
}

}  // namespace

void explain(const broker_context& context, matcher& routes, const std::string& topic,
             route_report& report) {
  const auto one = [&](std::string_view filter, const route& entry, const subscription& s) {
    if (s.who->ended()) return;
    ++report.routes_in_all;
    if (report.routes.size() < most_told)
      report.routes.push_back(found_as(context, filter, entry, s));
  };
  routes.each_match(topic, [&](std::string_view filter, const route& entry) {
    if (!entry.group) return one(filter, entry, entry.plain);
    for (const auto& member : entry.group->members) one(filter, entry, member);
  });
}

}  // namespace troupe::broker
