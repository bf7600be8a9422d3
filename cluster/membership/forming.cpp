#include "cluster/membership/forming.hpp"

#include <utility>

namespace troupe::cluster {

forming::forming(node_id self, bool witness, std::uint32_t expect)
    : self_(self), witness_(witness), expect_(expect) {}

forming::step forming::heard(node_id peer, std::uint64_t round) {
  if (peer == self_ || peer == no_node) return {};
  peers_[peer] = round;
  if (promised_to_ == peer && promised_round_ != round) promised_to_ = no_node;
  return look();
}

forming::step forming::lost(node_id peer) {
  peers_.erase(peer);
  promises_.erase(peer);
  if (promised_to_ == peer) promised_to_ = no_node;
  return look();
}

forming::step forming::promised(node_id by, std::uint64_t round) {
  // Of an earlier round: it was taken back when we stood no more.
  if (this->round() == 0 || round != round_ || !peers_.contains(by)) return {};
  promises_.insert(by);
  return look();
}

forming::step forming::look() {
  step result;
  // A promise to another one is kept; only our own is ours to take back.
  if (promised_to_ == no_node || promised_to_ == self_) {
    node_id lowest = witness_ ? no_node : self_;
    for (const auto& [peer, round] : peers_) {
      if (round != 0 && (lowest == no_node || number(peer) < number(lowest))) lowest = peer;
    }
    if (lowest != promised_to_) {
      const bool stood = round() != 0;
      promised_to_ = lowest;
      promises_.clear();
      if (lowest == self_) ++round_;
      result.hello = stood || lowest == self_;
      if (lowest != self_ && lowest != no_node) {
        promised_round_ = peers_[lowest];
        result.promise = lowest;
        result.promise_round = promised_round_;
      }
    }
  }
  result.form = promises() >= expect_ && round() != 0;
  return result;
}

}  // namespace troupe::cluster
