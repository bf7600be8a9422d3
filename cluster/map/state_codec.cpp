// The state of the meta group as bytes, for snapshots.
#include "cluster/map/cluster_state.hpp"
#include "cluster/map/wire.hpp"

#include <limits>
#include <set>

namespace troupe::cluster {

std::string cluster_state::encode() const {
  membership::cluster_record to;
  to.set_version(wire::layout_version);
  to.set_cluster(cluster_);
  to.set_name(name_);
  to.set_shards(shards_);
  to.set_replicas(replicas_);
  to.set_expect(expect_);
  to.set_changes(changes_);
  to.set_map_version(map_.version);
  to.set_joins(joins_);
  for (const auto& [node, who] : members_) wire::write(who, *to.add_members());
  for (const node_id node : gone_) to.add_gone(number(node));
  for (const shard_entry& each : map_.shards) {
    auto& shard = *to.add_map();
    wire::write(each.replicas, *shard.mutable_replicas());
    wire::write(each.born_on, *shard.mutable_born_on());
    shard.set_births(each.births);
    if (!each.left.empty()) wire::write(each.left, *shard.mutable_left());
  }
  return to.SerializeAsString();
}

std::optional<cluster_state> cluster_state::decode(std::string_view bytes, std::string& error) {
  membership::cluster_record from;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    error = "The state of the cluster's meta group cannot be read.";
    return std::nullopt;
  }
  error = wire::version_error(from.version(), "The state of the cluster's meta group");
  if (!error.empty()) return std::nullopt;
  cluster_state state;
  bool sound = from.shards() <= most_shards;
  state.cluster_ = from.cluster();
  state.name_ = from.name();
  state.shards_ = static_cast<std::uint16_t>(from.shards());
  state.replicas_ = from.replicas();
  state.expect_ = from.expect();
  state.changes_ = from.changes();
  state.joins_ = from.joins();
  state.map_.version = from.map_version();
  for (const auto& each : from.members()) {
    member who;
    sound = sound && wire::read(each, who);
    const node_id node = who.node;
    sound = sound && state.members_.emplace(node, std::move(who)).second;
  }
  for (const auto node : from.gone()) state.gone_.push_back(node_id{node});
  for (const auto& each : from.map())
    state.map_.shards.push_back(
        {wire::read(each.replicas()), wire::read(each.born_on()), wire::read(each.left()),
         each.births()});
  error = sound ? state.inconsistency() : "a number in it has no meaning";
  if (error.empty()) return state;
  error = "The state of the cluster's meta group is damaged: " + error + ".";
  return std::nullopt;
}

/// What no sequence of commands leads to, or empty.
std::string cluster_state::inconsistency() const {
  if (!formed())
    return *this == cluster_state{} ? std::string() : "it belongs to no cluster, but is not empty";
  if (shards_ == 0 || replicas_ == 0 || replicas_ > most_replicas || expect_ == 0)
    return "its settings are out of range";
  if (members_.empty() || members_.size() > most_members)
    return "its members are too few or too many";
  std::set<std::string_view> names;
  for (const auto& [node, who] : members_) {
    if (!cluster::refusal_of(who).empty()) return "a member in it cannot be one";
    if (!names.insert(who.name).second) return "two members have the name " + who.name;
    if (gone(node)) return "member " + who.name + " is gone as well";
  }
  if (!map_.shards.empty() && map_.shards.size() != shards_)
    return "its map has not the number of shards that the cluster has";
  for (const shard_entry& each : map_.shards) {
    if (each.replicas.size() > most_replicas ||
        std::set<node_id>(each.replicas.begin(), each.replicas.end()).size() !=
            each.replicas.size())
      return "a shard in it has too many replicas, or two on one node";
    for (const node_id node : each.replicas) {
      const auto* who = find(node);
      if (who == nullptr) return "a shard in it is on a node that is no member";
      if (who->kind == member_kind::witness && node == each.replicas.front())
        return "a shard in it is to be owned by a witness";
    }
  }
  return {};
}

}  // namespace troupe::cluster
