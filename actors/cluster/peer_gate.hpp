#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "cluster/network.hpp"

namespace troupe::clustering {

/// Between the links and the rest of the node. To each peer it says first who this node
/// is; what the peer says on the channel `member` goes to membership. Only a peer that
/// says the same cluster is admitted: the other parts see it from then on, as a
/// network has it (up, received, down), and nothing of any other node.
///
/// Both sides say their hello before they see the other's, so what an admitted
/// peer sends is always behind the hello by which it is admitted here.
///
/// On the loop of the links.
class peer_gate final : public cluster::network_events {
 public:
  explicit peer_gate(cluster::network& net) : net_(net) {}

  /// Before the links start. `meta` takes the messages of group 0; either may be null.
  void attach(caf::strong_actor_ptr membership, caf::strong_actor_ptr meta) {
    membership_ = std::move(membership);
    meta_ = std::move(meta);
  }
  /// Before the links start. Sees admitted peers and what they send, `member` excepted; of
  /// the channel `raft` whole envelopes, messages of group 0 with them.
  void add(cluster::network_events& part) { parts_.push_back(&part); }
  /// No actor is told anything any more.
  void detach() { membership_ = meta_ = nullptr; }

  /// What is said to peers from now on, and to those that are there; `cluster` is
  /// this node's, 0: none.
  void introduce(std::string hello, std::uint64_t cluster);
  /// That node is a member no longer.
  void bar(cluster::node_id node);

  void peer_up(cluster::node_id peer, std::uint64_t pairing) override;
  void peer_down(cluster::node_id peer, std::uint64_t pairing) override;
  void received(cluster::node_id from, cluster::channel to, std::string_view bytes) override;

 private:
  struct peer {
    std::uint64_t pairing = 0;
    std::uint64_t cluster = 0;  // as it said last
    bool admitted = false;
  };
  void look(cluster::node_id node, peer& at);
  void say_hello(cluster::node_id to);
  void heard(cluster::node_id from, peer& at, std::string_view bytes);
  void give_to_meta(cluster::node_id from, std::string_view envelope);

  cluster::network& net_;
  caf::strong_actor_ptr membership_;
  caf::strong_actor_ptr meta_;
  std::vector<cluster::network_events*> parts_;
  std::string hello_;
  std::uint64_t cluster_ = 0;
  std::map<cluster::node_id, peer> peers_;
  std::set<cluster::node_id> barred_;
};

}  // namespace troupe::clustering
