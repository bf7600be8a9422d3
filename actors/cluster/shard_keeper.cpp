#include "actors/cluster/shard_keeper.hpp"

#include <algorithm>
#include <utility>

#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::clustering {

using link::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;
namespace raft = cluster::raft;

namespace {

constexpr raft::log_index near_entries = 64;

/// To itself: a change of a group has ended.
struct change_ended {
  shard_id shard{};
  bool preferring = false;
  raft::outcome how = raft::outcome::done;
};
struct forgotten {
  shard_id shard{};
};

}  // namespace
}  // namespace troupe::clustering

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::change_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::clustering::forgotten)

namespace troupe::clustering {

shard_keeper::shard_keeper(caf::actor_config& cfg, keeper_settings settings, shard_groups& groups,
                           caf::strong_actor_ptr membership)
    : lean_actor(cfg),
      settings_(std::move(settings)),
      groups_(groups),
      membership_(std::move(membership)),
      state_(std::make_shared<const cluster::cluster_state>()),
      hearing_(settings_.self) {
  heard_[settings_.self] = 0;
}

void shard_keeper::describe(runtime::actor_description& to) const {
  to.serves = std::to_string(shards_.size()) + " shards";
}

void shard_keeper::receive(caf::mailbox_element& m) {
  if (const auto* mine = runtime::payload<replica_owned>(m)) {
    owned(*mine);
  } else if (auto* servers = runtime::mutable_payload<replica_servers>(m)) {
    shards_[servers->shard].servers = std::move(servers->servers);
  } else if (const auto* over = runtime::payload<change_ended>(m)) {
    auto& of = shards_[over->shard];
    of.changing = false;
    if (over->preferring && transfers_ > 0) --transfers_;
    if (over->how != raft::outcome::done) of.change_at = loop().now() + settings_.retry_ms;
  } else if (const auto* says = runtime::payload<owner_settled>(m)) {
    shards_[says->shard].owner_settled = says->version;
    follow_map(says->shard);
  } else if (const auto* gone = runtime::payload<forgotten>(m)) {
    shards_[gone->shard] = {};
    log_event(log_module::cluster, log_level::info, "Shard given up",
              {{"shard", number(gone->shard)}});
    follow_map(gone->shard);
    tell_held();
  } else if (const auto* heard = runtime::payload<peer_heard>(m)) {
    hearing_.peer(heard->node, heard->up, loop().now());
    if (heard->up)
      heard_.try_emplace(heard->node, loop().now());
    else
      heard_.erase(heard->node);
  } else if (auto* hears = runtime::mutable_payload<peer_hears>(m)) {
    hearing_.says(hears->node, std::move(hears->others), loop().now());
  } else if (auto* news = runtime::mutable_payload<map_news>(m)) {
    take(std::move(news->state));
  } else if (const auto* order = runtime::payload<move_shard>(m)) {
    move(*order);
  } else if (const auto* comes = runtime::payload<await_shard>(m)) {
    auto& of = shards_[comes->shard];
    of.awaited_until = loop().now() + settings_.await_ms;
    of.stays = of.epoch != 0;
  } else if (runtime::payload<begin_keeping>(m) != nullptr) {
    begin();
  } else if (auto* leave = runtime::mutable_payload<leave_leadership>(m)) {
    give_all_away(std::move(leave->done));
  }
}

void shard_keeper::on_exit(const caf::error& reason) {
  if (scheduled() && home() == runtime::run_loop::current()) home()->timers().cancel(*this);
  membership_ = nullptr;
  lean_actor::on_exit(reason);
}

void shard_keeper::begin() {
  // What has a log goes on with it, whether the meta group has a majority or not.
  for (const auto shard : settings_.held) {
    auto& of = shards_[shard];
    if (of.running) continue;
    of.running = true;
    groups_.start(shard, {});
  }
  loop().timers().schedule(*this, loop().now() + settings_.step_ms);
}

void shard_keeper::on_timer() {
  if (!stopping_) look();
  loop().timers().schedule(*this, loop().now() + settings_.step_ms);
}

// -- what is held -----------------------------------------------------------------------

void shard_keeper::take(std::shared_ptr<const cluster::cluster_state> newer) {
  state_ = std::move(newer);
  members_.clear();
  for (const auto& [node, who] : state_->members()) members_.insert(node);
  if (stopping_) return;
  for (std::size_t i = 0; i < state_->map().shards.size(); ++i)
    follow_map(static_cast<shard_id>(i));
  tell_held();
}

bool shard_keeper::wanted_here(shard_id shard) const {
  const auto& map = state_->map().shards;
  if (number(shard) >= map.size()) return true;  // not known: what is here stays
  const auto& replicas = map[number(shard)].replicas;
  return std::ranges::find(replicas, settings_.self) != replicas.end();
}

void shard_keeper::follow_map(shard_id shard) {
  const auto& map = state_->map();
  if (number(shard) >= map.shards.size()) return;
  const auto& row = map.shards[number(shard)];
  auto& of = shards_[shard];
  if (of.forgetting) return;
  if (wanted_here(shard)) {
    if (std::exchange(of.running, true)) return;
    raft::membership first;
    if (row.entitled(settings_.self)) {
      for (const auto node : row.born_on) first.push_back({node, raft::member_role::voter});
    }
    groups_.start(shard, std::move(first));
    return;
  }
  if (!of.running || of.epoch != 0 || of.owner_settled != map.version) return;
  of.forgetting = true;
  groups_.forget(shard, [self = caf::strong_actor_ptr{ctrl()}, shard] {
    tell(self, forgotten{shard});
  });
}

void shard_keeper::tell_held() {
  const auto held = static_cast<std::size_t>(
      std::ranges::count_if(shards_, [](const auto& each) { return each.second.running; }));
  if (std::exchange(told_held_, held) != held) tell(membership_, shards_held{held});
}

// -- what is owned ----------------------------------------------------------------------

void shard_keeper::owned(const replica_owned& what) {
  auto& of = shards_[what.shard];
  if (what.owned) {
    of.epoch = what.epoch;
    of.owned_since = loop().now();
    of.settled = 0;
    of.stays = loop().now() < of.awaited_until;
    tell(membership_, shard_owned{what.shard, what.epoch, 0});
  } else if (of.epoch == what.epoch) {
    of.epoch = 0;
    of.stays = false;
    tell(membership_, shard_disowned{what.shard, what.epoch});
  }
}

void shard_keeper::look() {
  for (const auto& row : groups_.rows()) {
    if (!row.owned) continue;
    const auto found = shards_.find(row.shard);
    if (found != shards_.end() && found->second.epoch != 0) step(row.shard, found->second, row);
  }
}

void shard_keeper::step(shard_id shard, kept& of, const shard_groups::row& row) {
  const auto& map = state_->map().shards;
  const auto now = loop().now();
  if (of.changing || now < of.change_at || number(shard) >= map.size()) return;
  if (row.group.term != of.epoch) return;  // of another time
  const auto& wanted = map[number(shard)].replicas;
  cluster::group_sight seen;
  seen.self = settings_.self;
  seen.servers = of.servers;
  seen.near.insert(settings_.self);
  for (const auto& each : row.group.followers) {
    if (each.match != 0 && !each.snapshot && each.match + near_entries >= row.group.last)
      seen.near.insert(each.node);
  }
  for (const auto& [node, since] : heard_) seen.heard.insert(node);
  const auto next = cluster::next_group_step(wanted, seen);
  if (const auto* change = std::get_if<cluster::server_change>(&next)) {
    of.changing = true;
    of.settled = 0;
    switch (change->what) {
      case cluster::server_change::kind::add:
        return groups_.add(shard, change->node, ended(shard, false));
      case cluster::server_change::kind::assign:
        return groups_.assign(shard, change->node, change->as, ended(shard, false));
      case cluster::server_change::kind::remove:
        return groups_.remove(shard, change->node, ended(shard, false));
    }
  } else if (const auto* to = std::get_if<cluster::hand_over>(&next)) {
    of.changing = true;
    return groups_.transfer(shard, to->to, ended(shard, false));
  }
  settle(shard, of);
  prefer(shard, of, seen);
}

void shard_keeper::settle(shard_id shard, kept& of) {
  const auto version = state_->map().version;
  if (of.settled == version) return;
  if (!cluster::agrees(state_->map().shards[number(shard)].replicas, of.servers)) return;
  of.settled = version;
  tell(membership_, shard_owned{shard, of.epoch, version});
}

/// Two nodes have lost sight of each other: one that hears both can serve.
bool shard_keeper::hears_more(shard_id shard, kept& of, const cluster::group_sight& seen) {
  std::vector<cluster::node_id> able;
  for (const auto node : state_->map().shards[number(shard)].replicas)
    if (!is_witness(node) && seen.near.contains(node)) able.push_back(node);
  const auto to = hearing_.better(able, members_, loop().now(), settings_.hearing_ms);
  if (to == cluster::no_node) return false;
  log_event(log_module::cluster, log_level::info, "Shard given to a node that hears more members",
            {{"shard", number(shard)}, {"to", cluster::to_string(to)}});
  of.changing = true;
  ++transfers_;
  groups_.transfer(shard, to, ended(shard, true));
  return true;
}

/// With patience: who has just come back catches up first, and nobody is served by a
/// shard that wanders.
void shard_keeper::prefer(shard_id shard, kept& of, const cluster::group_sight& seen) {
  const auto& replicas = state_->map().shards[number(shard)].replicas;
  const auto preferred = replicas.front();
  const auto now = loop().now();
  if (transfers_ >= settings_.most_transfers || hears_more(shard, of, seen)) return;
  if (preferred == settings_.self) return;
  // A witness serves for as long as nobody else can.
  if (is_witness(settings_.self)) {
    for (const auto node : replicas) {
      if (is_witness(node) || !seen.heard.contains(node) || !seen.near.contains(node)) continue;
      of.changing = true;
      ++transfers_;
      return groups_.transfer(shard, node, ended(shard, true));
    }
    return;
  }
  if (of.stays) return;
  if (hearing_.count(preferred, members_) < hearing_.count(settings_.self, members_)) return;
  const auto heard = heard_.find(preferred);
  if (heard == heard_.end() || now - heard->second < settings_.patience_ms ||
      now - of.owned_since < settings_.patience_ms / 2 || !seen.near.contains(preferred))
    return;
  of.changing = true;
  ++transfers_;
  groups_.transfer(shard, preferred, ended(shard, true));
}

/// Empty: it can be done.
std::string shard_keeper::why_not(const move_shard& order) const {
  const auto& map = state_->map().shards;
  const auto found = shards_.find(order.shard);
  if (stopping_) return "The node stops, and gives away all that it owns.";
  if (found == shards_.end() || found->second.epoch == 0)
    return "The shard has another owner by now.";
  if (number(order.shard) >= map.size() ||
      std::ranges::find(map[number(order.shard)].replicas, order.to) ==
          map[number(order.shard)].replicas.end())
    return "That node holds no replica of the shard.";
  if (is_witness(order.to)) return "That node is a witness: it owns what nobody else can own.";
  if (!heard_.contains(order.to)) return "The owner does not hear that node.";
  if (found->second.changing) return "The servers of the shard are being changed; ask again.";
  // Tried all the same it would fail, and hold up the change that makes it one.
  if (std::ranges::find(found->second.servers,
                        cluster::raft::member{order.to, cluster::raft::member_role::voter}) ==
      found->second.servers.end())
    return "The replica of that node does not vote yet; ask again.";
  if (!is_near(order.shard, order.to))
    return "The replica of that node has not caught up yet; ask again.";
  return {};
}

bool shard_keeper::is_near(shard_id shard, cluster::node_id node) const {
  for (const auto& row : groups_.rows()) {
    if (row.shard != shard) continue;
    const auto at = std::ranges::find(row.group.followers, node, &raft::follower_figures::node);
    return at != row.group.followers.end() && at->match != 0 && !at->snapshot &&
           at->match + near_entries >= row.group.last;
  }
  return false;
}

void shard_keeper::move(const move_shard& order) {
  using ending = move_shard::ending;
  if (order.to == settings_.self && shards_[order.shard].epoch != 0)
    return order.answer({ending::done, {}});
  if (auto why = why_not(order); !why.empty())
    return order.answer({ending::refused, std::move(why)});
  log_event(log_module::cluster, log_level::info, "Shard given away by order",
            {{"shard", number(order.shard)}, {"to", cluster::to_string(order.to)}});
  shards_[order.shard].changing = true;
  groups_.transfer(order.shard, order.to,
                   [ended = ended(order.shard, false), answer = order.answer](raft::outcome how) {
                     ended(how);
                     if (how == raft::outcome::done) return answer({ending::done, {}});
                     answer({ending::failed, std::string(raft::describe(how))});
                   });
}

bool shard_keeper::is_witness(cluster::node_id node) const {
  const auto* who = state_->find(node);
  return who != nullptr && who->kind == cluster::member_kind::witness;
}

shard_groups::changed shard_keeper::ended(shard_id shard, bool preferring) {
  return [self = caf::strong_actor_ptr{ctrl()}, shard, preferring](raft::outcome how) {
    tell(self, change_ended{shard, preferring, how});
  };
}

void shard_keeper::give_all_away(std::function<void()> then) {
  stopping_ = true;
  // The last one answers; so does this function, which is one of them.
  const std::shared_ptr<void> last(nullptr, [then = std::move(then)](void*) { then(); });
  std::map<shard_id, shard_groups::row> rows;
  for (auto& row : groups_.rows()) rows[row.shard] = std::move(row);
  std::size_t turn = 0;
  for (const auto& [shard, of] : shards_) {
    if (of.epoch == 0) continue;
    // Rows are a second old: who is not in one may be near all the same.
    std::vector<cluster::node_id> able;
    std::vector<cluster::node_id> others;
    for (const auto& server : of.servers) {
      if (server.role != raft::member_role::voter || server.node == settings_.self ||
          !heard_.contains(server.node))
        continue;
      others.push_back(server.node);
      const auto& group = rows[shard].group;
      const auto at = std::ranges::find(group.followers, server.node,
                                        &raft::follower_figures::node);
      if (at != group.followers.end() && !at->snapshot && at->match + near_entries >= group.last)
        able.push_back(server.node);
    }
    auto& from = able.empty() ? others : able;
    // Not to a witness, if there is another one.
    if (std::ranges::any_of(from, [&](auto node) { return !is_witness(node); }))
      std::erase_if(from, [&](auto node) { return is_witness(node); });
    // In turn, so that not all of it comes to one node.
    if (!from.empty())
      groups_.transfer(shard, from[turn++ % from.size()], [last](raft::outcome) {});
  }
}

}  // namespace troupe::clustering
