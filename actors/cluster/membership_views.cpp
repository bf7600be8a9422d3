// What a node shows of its cluster: readiness, tables for people, figures for metrics.
#include "actors/cluster/membership.hpp"

#include <algorithm>

#include "actors/observe/log.hpp"
#include "cluster/map/readiness.hpp"

namespace troupe::clustering {

namespace {

std::string address_of(const cluster::member& who) {
  const bool bare = who.host.find(':') != std::string::npos;  // IPv6
  return (bare ? "[" + who.host + "]" : who.host) + ":" + std::to_string(who.port);
}

observe::link_view view_of(const link::link_figures& from) {
  observe::link_view to;
  const bool up = from.state == link::link_state::up || from.state == link::link_state::broken;
  to.state = up ? "up" : "down";
  to.sent_bytes = from.bytes_sent;
  to.received_bytes = from.bytes_received;
  to.window_bytes = from.window_bytes;
  to.dropped = from.frames_dropped + from.frames_lost;
  to.round_trip_seconds =
      from.round_trip_ms < 0 ? 0 : static_cast<double>(from.round_trip_ms) / 1000;
  return to;
}

}  // namespace

bool membership::has_majority() const {
  return news_.leader != cluster::no_node &&
         (news_.leader == self_.node || peers_.contains(news_.leader));
}

void membership::look_at_readiness(std::int64_t now) {
  if (phase_ == phase::ended) return;
  cluster::sight seen;
  seen.formed = record_.cluster != 0 && record_.at == cluster_record::phase::member;
  seen.majority = has_majority();
  seen.expected = state_->formed() ? state_->expect() : settings_.expect;
  seen.members = state_->up();
  seen.placed = !state_->map().shards.empty();
  seen.ownerless = owners_.look().without_owner;
  auto reasons = cluster::reasons_against(seen);
  if (!join_refusal_.empty()) reasons.push_back(join_refusal_);
  reasons_.set(patience_.look(std::move(reasons), now));
  look_whether_cut_off(now);
}

void membership::look_whether_cut_off(std::int64_t now) {
  cluster::cut_off_watch::sight seen;
  seen.member = phase_ == phase::member && record_.at == cluster_record::phase::member;
  seen.leader = has_majority();
  for (const auto& each : news_.servers) {
    if (each.role != cluster::raft::member_role::voter) continue;
    ++seen.voters;
    seen.heard += each.node == self_.node || peers_.contains(each.node) ? 1 : 0;
  }
  const bool cut_off = cut_off_watch_.look(seen, now);
  if (cut_off == cut_off_) return;
  cut_off_ = cut_off;
  if (cut_off)
    observe::log_event(observe::log_module::cluster, observe::log_level::warning,
                       "Cut off from the majority of the cluster: publishes with QoS 1 and 2, and "
                       "CONNECTs, are refused",
                       {{"voters", seen.voters}, {"heard", seen.heard}});
  else
    observe::log_event(observe::log_module::cluster, observe::log_level::info,
                       "The majority of the cluster is in sight again");
  if (hooks_.majority_changed) hooks_.majority_changed(!cut_off);
}

std::string membership::name_of(cluster::node_id node) const {
  if (const auto* who = state_->find(node)) return who->name;
  if (node == self_.node) return self_.name;
  return cluster::to_string(node);
}

observe::cluster_view membership::view() const {
  observe::cluster_view to;
  to.name = settings_.cluster_name;
  if (state_->formed()) to.id = cluster::to_string(cluster::node_id{state_->cluster()});
  to.self = self_.name;
  if (news_.leader != cluster::no_node) to.leader = name_of(news_.leader);
  to.term = news_.term;
  to.map_version = state_->map().version;
  to.shards = state_->formed() ? state_->shards() : settings_.shards;
  to.replicas = state_->formed() ? state_->wanted_replicas() : settings_.replicas;
  const auto owned = owners_.look();
  to.without_owner = owned.without_owner;
  to.problems = reasons_.get();
  std::map<cluster::node_id, link::link_figures> links;
  for (auto& each : links_.figures()) links[each.node] = std::move(each);
  for (const auto& [node, who] : state_->members()) {
    observe::member_view member;
    member.name = who.name;
    member.node = cluster::to_string(node);
    member.address = address_of(who);
    member.kind = cluster::to_string(who.kind);
    member.state = cluster::to_string(who.state);
    member.release = who.release;
    member.voter = std::ranges::any_of(news_.servers, [node = node](const auto& each) {
      return each.node == node && each.role == cluster::raft::member_role::voter;
    });
    member.replicas = state_->replicas_on(node);
    const auto count = owned.owned.find(node);
    member.owned = count == owned.owned.end() ? 0 : count->second;
    if (node == self_.node) {
      member.link.state = "self";
    } else if (const auto link = links.find(node); link != links.end()) {
      member.link = view_of(link->second);
      if (!peers_.contains(node)) member.link.state = "down";
    } else {
      member.link.state = "down";
    }
    to.members.push_back(std::move(member));
  }
  std::ranges::sort(to.members, {}, &observe::member_view::name);
  return to;
}

std::vector<observe::shard_view> membership::shard_views() const {
  std::vector<observe::shard_view> all;
  const auto& map = state_->map().shards;
  for (std::uint16_t i = 0; i < owners_.shards(); ++i) {
    observe::shard_view each;
    each.shard = i;
    const auto owner = owners_.of(static_cast<shard_id>(i));
    if (owner.node != cluster::no_node) each.owner = name_of(owner.node);
    each.epoch = owner.epoch;
    if (i < map.size()) {
      for (const auto node : map[i].replicas) each.replicas.push_back(name_of(node));
    }
    all.push_back(std::move(each));
  }
  return all;
}

observe::cluster_figures membership::figures() const {
  observe::cluster_figures to;
  const auto owned = owners_.look();
  for (const auto& [node, who] : state_->members()) {
    if (node == self_.node || peers_.contains(node))
      ++to.members_running;
    else
      ++to.members_stopped;
  }
  const auto mine = owned.owned.find(self_.node);
  to.shards_owned = mine == owned.owned.end() ? 0 : mine->second;
  to.shards_held = held_;
  to.shards_without_owner = owned.without_owner;
  to.owner_changes = owned.changes;
  to.map_version = state_->map().version;
  to.term = news_.term;
  to.leads = news_.owner;
  to.has_majority = has_majority();
  for (const auto& each : links_.figures()) {
    const auto* who = state_->find(each.node);
    if (who == nullptr) continue;
    const auto link = view_of(each);
    to.peers.push_back({who->name, peers_.contains(each.node), link.sent_bytes,
                        link.received_bytes, link.window_bytes, link.dropped,
                        link.round_trip_seconds});
  }
  return to;
}

}  // namespace troupe::clustering
