#include "actors/broker/remote/peers.hpp"

#include <algorithm>

namespace troupe::broker {

peers::peers(cluster::node_id self, cluster::network& network, std::uint16_t shards,
             std::uint64_t run)
    : self_(self),
      // Room to count, and below the bits that mark tokens.
      first_request_((run & 0x0FFF'FFFF'F000'0000) | 1),
      network_(network),
      owners_(shards),
      origins_(shards),
      wildcards_announced_(shards),
      offsets_(shards),
      serves_(shards) {}

shard_owner peers::owner(shard_id shard) const {
  std::lock_guard lock(mutex_);
  return owners_[number(shard)];
}

bool peers::set_owner(shard_id shard, shard_owner owner) {
  std::lock_guard lock(mutex_);
  auto& known = owners_[number(shard)];
  if (owner.epoch < known.epoch || owner == known) return false;
  known = owner;
  return true;
}

origin_table_ptr peers::origins(shard_id shard) const {
  std::lock_guard lock(mutex_);
  return origins_[number(shard)];
}

void peers::set_origins(shard_id shard, origin_table_ptr table) {
  std::lock_guard lock(mutex_);
  origins_[number(shard)] = std::move(table);
}

std::vector<cluster::node_id> peers::up() const {
  std::lock_guard lock(mutex_);
  return up_;
}

bool peers::is_up(cluster::node_id node) const {
  std::lock_guard lock(mutex_);
  return std::find(up_.begin(), up_.end(), node) != up_.end();
}

void peers::set_up(cluster::node_id node, bool up) {
  std::lock_guard lock(mutex_);
  std::erase(up_, node);
  if (up) up_.push_back(node);
}

bool peers::out_of_reach(shard_id shard) const {
  std::lock_guard lock(mutex_);
  const auto node = owners_[number(shard)].node;
  return node != self_ && std::find(up_.begin(), up_.end(), node) == up_.end();
}

bool peers::send(cluster::node_id to, frame_kind kind, std::uint16_t shard,
                 const google::protobuf::MessageLite& content, std::shared_ptr<const void> hold,
                 bool droppable) {
  cluster::frame frame;
  frame.to = cluster::channel::broker;
  frame.bytes = encode_frame(kind, shard, content);
  frame.hold = std::move(hold);
  frame.droppable = droppable;
  return network_.send(to, std::move(frame));
}

}  // namespace troupe::broker
