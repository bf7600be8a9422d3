#include "cluster/map/cluster_state.hpp"

#include <algorithm>
#include <set>

namespace troupe::cluster {

namespace {

constexpr std::size_t most_gone = 1024;
constexpr std::size_t most_voters = 5;
constexpr std::uint32_t largest_expect = most_members;

outcome changed() {
  return {outcome::kind::changed, {}};
}
outcome unchanged() {
  return {outcome::kind::unchanged, {}};
}
outcome refused(std::string sentence) {
  return {outcome::kind::refused, std::move(sentence)};
}

outcome not_formed() {
  return refused("There is no cluster yet.");
}

std::string gone_sentence(node_id node) {
  return "Node " + to_string(node) +
         " left this cluster or was evicted, and what it holds is out of date. Move its data "
         "directory away, and it joins as a new node.";
}

void note_left(shard_entry& entry) {
  for (const node_id node : entry.born_on) {
    const auto in = [node](const replica_set& set) {
      return std::ranges::find(set, node) != set.end();
    };
    if (!in(entry.replicas) && !in(entry.left)) entry.left.push_back(node);
  }
}

/// "3, 7 and 12 more"
std::string list_of(const std::vector<std::size_t>& shards) {
  constexpr std::size_t shown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, shards.size()); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shards[i]);
  if (shards.size() > shown) text += " and " + std::to_string(shards.size() - shown) + " more";
  return text;
}

}  // namespace

const member* cluster_state::find(node_id node) const {
  const auto found = members_.find(node);
  return found == members_.end() ? nullptr : &found->second;
}

const member* cluster_state::find(std::string_view name) const {
  const auto found = std::ranges::find(
      members_, name, [](const auto& each) -> std::string_view { return each.second.name; });
  return found == members_.end() ? nullptr : &found->second;
}

bool cluster_state::gone(node_id node) const {
  return std::ranges::find(gone_, node) != gone_.end();
}

std::size_t cluster_state::up() const {
  return static_cast<std::size_t>(std::ranges::count(
      members_, member_state::up, [](const auto& each) { return each.second.state; }));
}

std::size_t cluster_state::replicas_on(node_id node) const {
  return static_cast<std::size_t>(std::ranges::count_if(map_.shards, [&](const auto& each) {
    return std::ranges::find(each.replicas, node) != each.replicas.end();
  }));
}

std::size_t cluster_state::full_members_without(node_id node) const {
  return static_cast<std::size_t>(std::ranges::count_if(members_, [&](const auto& each) {
    const member& who = each.second;
    return who.node != node && who.kind == member_kind::full && who.state != member_state::leaving;
  }));
}

void cluster_state::forget(node_id node) {
  members_.erase(node);
  if (gone_.size() >= most_gone) gone_.erase(gone_.begin());
  gone_.push_back(node);
}

outcome cluster_state::apply(std::string_view entry) {
  std::string error;
  const auto what = command::decode(entry, error);
  if (!what) return {outcome::kind::unreadable, std::move(error)};
  return apply(*what);
}

outcome cluster_state::apply(const command::any& what) {
  auto result = std::visit([this](const auto& each) { return act(each); }, what);
  if (result.what == outcome::kind::changed) ++changes_;
  return result;
}

outcome cluster_state::act(const command::form& what) {
  if (formed()) {
    if (what.cluster == cluster_) return unchanged();
    return refused("This node is a member of cluster " + name_ + " already.");
  }
  if (what.cluster == 0) return refused("A cluster needs an id that is not zero.");
  if (what.name.empty() || what.name.size() > longest_member_name)
    return refused("The name of a cluster has 1 to 64 characters.");
  if (what.shards == 0 || what.shards > most_shards)
    return refused("A cluster has 1 to 4096 shards.");
  if (what.replicas == 0 || what.replicas > most_replicas)
    return refused("A shard has 1 to 7 replicas.");
  if (what.expect == 0 || what.expect > largest_expect)
    return refused("The members to wait for are 1 to 256.");
  if (auto why = cluster::refusal_of(what.first); !why.empty()) return refused(std::move(why));
  if (what.first.kind == member_kind::witness)
    return refused("The first member of a cluster cannot be a witness: it holds no data.");
  cluster_ = what.cluster;
  name_ = what.name;
  shards_ = what.shards;
  replicas_ = what.replicas;
  expect_ = what.expect;
  auto& first = members_[what.first.node] = what.first;
  first.state = member_state::up;
  first.joined = ++joins_;
  return changed();
}

outcome cluster_state::act(const command::join& what) {
  if (!formed()) return not_formed();
  const member& who = what.who;
  if (auto why = cluster::refusal_of(who); !why.empty()) return refused(std::move(why));
  if (gone(who.node)) return refused(gone_sentence(who.node));
  if (what.cluster_name != name_)
    return refused("Node " + who.name + " wants to join cluster " + what.cluster_name +
                   ", but this is cluster " + name_ + ".");
  if (what.shards != shards_)
    return refused("The data directory of node " + who.name + " was made with " +
                   std::to_string(what.shards) + " shards, but cluster " + name_ + " has " +
                   std::to_string(shards_) + ": set node.shards and use an empty directory.");
  if (const auto* other = find(who.name); other != nullptr && other->node != who.node)
    return refused("The name " + who.name + " belongs to another member (node " +
                   to_string(other->node) +
                   "): set node.name, or evict that member if it is no more.");
  if (const auto found = members_.find(who.node); found != members_.end()) {
    member next = who;
    next.state = found->second.state;
    next.joined = found->second.joined;
    if (next.kind != found->second.kind)
      return refused(
          "Member " + who.name + " is a " + std::string(to_string(found->second.kind)) +
          " member; to change that it must leave and join with an empty data directory.");
    if (next == found->second) return unchanged();
    found->second = std::move(next);
    return changed();
  }
  if (members_.size() >= most_members)
    return refused("The cluster has " + std::to_string(most_members) +
                   " members, which is as many as it may have.");
  auto& added = members_[who.node] = who;
  added.state = member_state::joining;
  added.joined = ++joins_;
  return changed();
}

outcome cluster_state::act(const command::confirm& what) {
  if (!formed()) return not_formed();
  const auto found = members_.find(what.node);
  if (found == members_.end()) return refused("Node " + to_string(what.node) + " is no member.");
  if (found->second.state == member_state::up) return unchanged();
  if (found->second.state == member_state::leaving)
    return refused("Member " + found->second.name + " is leaving.");
  found->second.state = member_state::up;
  return changed();
}

outcome cluster_state::act(const command::leave& what) {
  if (!formed()) return not_formed();
  if (gone(what.node)) return unchanged();
  const auto found = members_.find(what.node);
  if (found == members_.end()) return refused("Node " + to_string(what.node) + " is no member.");
  member& who = found->second;
  if (who.state == member_state::leaving) return unchanged();
  if (who.kind == member_kind::full) {
    const auto left = full_members_without(what.node);
    if (left == 0)
      return refused("Member " + who.name +
                     " is the last one that holds data: stop it instead of letting it leave.");
    if (left < replicas_ && !what.force)
      return refused("Without " + who.name + " only " + std::to_string(left) +
                     (left == 1 ? " member remains" : " members remain") + " for the " +
                     std::to_string(replicas_) +
                     " replicas that each shard is to have: lower that number, add a member, or "
                     "force it.");
  }
  who.state = member_state::leaving;
  return changed();
}

outcome cluster_state::act(const command::retire& what) {
  if (!formed()) return not_formed();
  if (gone(what.node)) return unchanged();
  const auto* who = find(what.node);
  if (who == nullptr) return refused("Node " + to_string(what.node) + " is no member.");
  if (who->state != member_state::leaving)
    return refused("Member " + who->name + " is not leaving.");
  if (const auto held = replicas_on(what.node); held != 0)
    return refused("Member " + who->name + " still is to hold " + std::to_string(held) +
                   " shards.");
  forget(what.node);
  return changed();
}

outcome cluster_state::act(const command::evict& what) {
  if (!formed()) return not_formed();
  if (gone(what.node)) return unchanged();
  const auto* who = find(what.node);
  if (who == nullptr) return refused("Node " + to_string(what.node) + " is no member.");
  if (who->kind == member_kind::full && full_members_without(what.node) == 0)
    return refused("Member " + who->name + " is the last one that holds data.");
  std::vector<std::size_t> lost;
  for (std::size_t i = 0; i < map_.shards.size(); ++i) {
    if (map_.shards[i].replicas == replica_set{what.node}) lost.push_back(i);
  }
  if (!lost.empty() && !what.force)
    return refused("Member " + who->name + " has the only replica of shards " + list_of(lost) +
                   ": what they hold would be lost. Let it leave, or force it.");
  bool moved = false;
  for (auto& each : map_.shards) {
    moved |= std::erase(each.replicas, what.node) != 0;
    note_left(each);
  }
  if (moved) ++map_.version;
  forget(what.node);
  return changed();
}

std::string cluster_state::refusal_of(const replica_set& set, std::size_t shard) const {
  const std::string of = "Shard " + std::to_string(shard);
  if (set.empty()) return of + " would have no replica.";
  if (set.size() > most_replicas) return of + " would have more than 7 replicas.";
  if (std::set<node_id>(set.begin(), set.end()).size() != set.size())
    return of + " would have two replicas on one node.";
  const auto& now = map_.shards.empty() ? replica_set{} : map_.shards[shard].replicas;
  for (const node_id node : set) {
    const auto* who = find(node);
    if (who == nullptr)
      return of + " would be on node " + to_string(node) + ", which is no member.";
    if (who->kind == member_kind::witness && node == set.front())
      return of + " would be owned by " + who->name + ", a witness, which serves nobody.";
    const bool held = std::ranges::find(now, node) != now.end();
    if (who->state != member_state::up && !held)
      return of + " would come to " + who->name + ", which is " +
             std::string(to_string(who->state)) + ".";
  }
  return {};
}

std::string cluster_state::refusal_of(const command::place& what) const {
  if (what.base != map_.version)
    return "The plan was made from version " + std::to_string(what.base) +
           " of the shard map, which is at version " + std::to_string(map_.version) + " now.";
  std::set<std::size_t> named;
  for (const auto& [shard, set] : what.shards) {
    const std::size_t index = number(shard);
    if (index >= shards_)
      return "There is no shard " + std::to_string(index) + ": the cluster has " +
             std::to_string(shards_) + ".";
    if (!named.insert(index).second)
      return "Shard " + std::to_string(index) + " is placed twice by one command.";
    if (auto why = refusal_of(set, index); !why.empty()) return why;
  }
  if (map_.shards.empty()) {
    if (up() < expect_)
      return "The cluster has " + std::to_string(up()) + " of " + std::to_string(expect_) +
             " members that bootstrap_expect asks for.";
    if (named.size() != shards_) return "The first shard map must place every shard.";
  }
  return {};
}

outcome cluster_state::act(const command::place& what) {
  if (!formed()) return not_formed();
  const bool as_it_is =
      !what.shards.empty() && std::ranges::all_of(what.shards, [&](const auto& each) {
        const std::size_t index = number(each.first);
        return index < map_.shards.size() && map_.shards[index].replicas == each.second;
      });
  if (as_it_is) return unchanged();
  if (auto why = refusal_of(what); !why.empty()) return refused(std::move(why));
  if (what.shards.empty()) return unchanged();
  if (map_.shards.empty()) map_.shards.resize(shards_);
  for (const auto& [shard, set] : what.shards) {
    shard_entry& entry = map_.shards[number(shard)];
    if (entry.replicas.empty()) {  // new, or all that held it were evicted
      entry.born_on = set;
      entry.left.clear();
      ++entry.births;
    }
    entry.replicas = set;
    note_left(entry);
  }
  ++map_.version;
  return changed();
}

outcome cluster_state::act(const command::set_replicas& what) {
  if (!formed()) return not_formed();
  if (what.replicas == 0 || what.replicas > most_replicas)
    return refused("A shard has 1 to 7 replicas.");
  if (what.replicas == replicas_) return unchanged();
  replicas_ = what.replicas;
  return changed();
}

std::vector<node_id> meta_voters(const cluster_state& state) {
  std::vector<const member*> able;
  for (const auto& [node, who] : state.members()) {
    if (who.state != member_state::joining) able.push_back(&who);
  }
  std::ranges::sort(able, {}, [](const member* each) {
    // Who is about to go makes way for who stays.
    return std::pair(each->state == member_state::leaving, each->joined);
  });
  if (able.size() > most_voters) able.resize(most_voters);
  std::vector<node_id> voters;
  for (const member* each : able) voters.push_back(each->node);
  std::ranges::sort(voters);
  return voters;
}

}  // namespace troupe::cluster
