#include "actors/cluster/peer_gate.hpp"

#include <utility>
#include <variant>

#include "actors/cluster/interfaces.hpp"
#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"
#include "cluster/membership/talk.hpp"
#include "cluster/raft/envelope.hpp"

namespace troupe::clustering {

using link::tell;
namespace talk = cluster::talk;

namespace {

constexpr cluster::raft::group_no meta_number = 0;
constexpr std::size_t most_barred = 1024;

}  // namespace

void peer_gate::introduce(std::string hello, std::uint64_t cluster) {
  hello_ = std::move(hello);
  cluster_ = cluster;
  // First all hellos, then whoever is admitted by it.
  for (const auto& [node, at] : peers_) say_hello(node);
  for (auto& [node, at] : peers_) look(node, at);
}

void peer_gate::bar(cluster::node_id node) {
  if (barred_.size() < most_barred) barred_.insert(node);
  if (const auto found = peers_.find(node); found != peers_.end()) look(node, found->second);
}

void peer_gate::peer_up(cluster::node_id node, std::uint64_t pairing) {
  auto& at = peers_[node];
  at = {pairing, 0, false};
  say_hello(node);
  tell(membership_, peer_came{node});
}

void peer_gate::peer_down(cluster::node_id node, std::uint64_t pairing) {
  const auto found = peers_.find(node);
  if (found == peers_.end() || found->second.pairing != pairing) return;
  const bool admitted = found->second.admitted;
  peers_.erase(found);
  if (admitted) {
    for (auto* part : parts_) part->peer_down(node, pairing);
  }
  tell(membership_, peer_went{node});
}

void peer_gate::received(cluster::node_id from, cluster::channel to, std::string_view bytes) {
  const auto found = peers_.find(from);
  if (found == peers_.end()) return;
  if (to == cluster::channel::member) return heard(from, found->second, bytes);
  if (!found->second.admitted) return;
  if (to == cluster::channel::raft) give_to_meta(from, bytes);
  for (auto* part : parts_) part->received(from, to, bytes);
}

void peer_gate::heard(cluster::node_id from, peer& at, std::string_view bytes) {
  std::string error;
  const auto said = talk::decode(bytes, error);
  if (!said) {
    observe::log_limited(observe::log_module::cluster, observe::log_level::warning, error,
                         {{"node", cluster::to_string(from)}});
    return;
  }
  if (const auto* hello = std::get_if<talk::hello>(&*said)) {
    if (hello->self.node != from) return;
    at.cluster = hello->cluster;
  }
  // Told first: it is to know who comes before the other parts do.
  tell(membership_, peer_said{from, std::string(bytes)});
  look(from, at);
}

void peer_gate::look(cluster::node_id node, peer& at) {
  const bool wanted = cluster_ != 0 && at.cluster == cluster_ && !barred_.contains(node);
  if (wanted == at.admitted) return;
  at.admitted = wanted;
  for (auto* part : parts_) {
    if (wanted)
      part->peer_up(node, at.pairing);
    else
      part->peer_down(node, at.pairing);
  }
}

void peer_gate::say_hello(cluster::node_id to) {
  if (!hello_.empty()) net_.send(to, {cluster::channel::member, hello_, nullptr, false});
}

void peer_gate::give_to_meta(cluster::node_id from, std::string_view envelope) {
  cluster::raft::envelope_reader messages(envelope);
  while (const auto message = messages.next()) {
    if (message->group == meta_number)
      tell(meta_, group_message{from, std::string(message->bytes)});
  }
}

}  // namespace troupe::clustering
