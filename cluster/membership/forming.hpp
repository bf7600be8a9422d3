#pragma once

#include "cluster/node_id.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace troupe::cluster {

/// Which of several new nodes forms the cluster, so that there is only one: a node
/// forms it when `expect` nodes, itself included, have promised to let it, and
/// each promises one node at a time, the lowest id that stands. A promise ends
/// when its node is lost or says that it stands no more (or in another round).
///
///   standing (own promise to itself) <--> promised to a lower one
///        \--enough promises--> forms
///
/// Two clusters at once need two disjoint sets of `expect` nodes: expect all that
/// are started. Pure: events in, what to say out.
class forming {
 public:
  /// A witness promises, but never stands.
  forming(node_id self, bool witness, std::uint32_t expect);

  struct step {
    std::optional<node_id> promise;  // is to be told, with the round that it stands in
    std::uint64_t promise_round = 0;
    bool hello = false;  // round() has changed: all are to be told
    bool form = false;   // do it
  };

  /// A hello of a peer without a cluster that takes part; `round` as it says.
  step heard(node_id peer, std::uint64_t round);
  /// The peer is lost, or takes no part any more.
  step lost(node_id peer);
  /// It promises for that round of ours.
  step promised(node_id by, std::uint64_t round);
  /// At the beginning.
  step begin() { return look(); }

  /// The round in which this node stands, 0: it does not.
  std::uint64_t round() const noexcept { return promised_to_ == self_ ? round_ : 0; }
  node_id promised_to() const noexcept { return promised_to_; }
  /// Promises to this node, its own included.
  std::uint32_t promises() const noexcept {
    return round() == 0 ? 0 : static_cast<std::uint32_t>(promises_.size()) + 1;
  }

 private:
  step look();

  const node_id self_;
  const bool witness_;
  const std::uint32_t expect_;
  std::map<node_id, std::uint64_t> peers_;  // the round that each stands in
  node_id promised_to_ = no_node;
  std::uint64_t promised_round_ = 0;  // of the other node
  std::uint64_t round_ = 0;           // of our own standing
  std::set<node_id> promises_;
};

}  // namespace troupe::cluster
