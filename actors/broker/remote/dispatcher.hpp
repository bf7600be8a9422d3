#pragma once

#include <cstdint>
#include <string_view>

#include "actors/broker/context.hpp"
#include "actors/broker/remote/peers.hpp"
#include "actors/broker/remote/store_front.hpp"
#include "cluster/network.hpp"

namespace troupe::broker {

/// Hands what comes from other nodes to the actors that it is for, and tells
/// them of nodes and owners. Called on the loop of the links, or of whoever
/// knows the owners; it decodes nothing but the head of a frame.
class dispatcher final : public cluster::network_events {
 public:
  /// `context.remote` is set; `store` is the context's.
  dispatcher(broker_context& context, store_front& store) : context_(context), store_(store) {}

  void peer_up(cluster::node_id peer, std::uint64_t pairing) override;
  void peer_down(cluster::node_id peer, std::uint64_t pairing) override;
  /// Frames of other channels are left alone.
  void received(cluster::node_id from, cluster::channel to, std::string_view bytes) override;

  /// The shard has another owner, or none any more. Nothing happens if that is old.
  void owner_changed(shard_id shard, shard_owner owner);
  /// This node is cut off from the majority, or no longer.
  void majority_changed(bool seen);
  /// About once a second: waits have their limits.
  void tick();

 private:
  void tell_all_shards(const auto& message);

  broker_context& context_;
  store_front& store_;
};

}  // namespace troupe::broker
