#include "actors/broker/remote/dispatcher.hpp"

#include "actors/broker/audit/route_audit.hpp"
#include "actors/broker/tell.hpp"

namespace troupe::broker {

void dispatcher::tell_all_shards(const auto& message) {
  // Session shards first: what they announce is asked for by the others.
  for (const auto& shard : context_.session_shards) tell(shard, message);
  tell(context_.wildcard_index, message);
  for (const auto& shard : context_.topic_shards) tell(shard, message);
}

void dispatcher::peer_up(cluster::node_id peer, std::uint64_t pairing) {
  context_.remote->set_up(peer, true);
  store_.peer_up(peer, pairing);
  tell_all_shards(peer_changed{peer, true, pairing});
}

void dispatcher::peer_down(cluster::node_id peer, std::uint64_t) {
  context_.remote->set_up(peer, false);
  store_.peer_down(peer);
  tell_all_shards(peer_changed{peer, false, 0});
}

void dispatcher::received(cluster::node_id from, cluster::channel to, std::string_view bytes) {
  if (to != cluster::channel::broker) return;
  const auto head = decode_head(bytes);
  if (!head) return;
  peer_message message{from, static_cast<std::uint8_t>(head->kind),
                       std::string(bytes.substr(frame_head_size))};
  if (head->kind == frame_kind::settled) {
    // Only counters: no actor needs to run for that.
    peer::Settled settled;
    if (!settled.ParseFromString(message.bytes)) return;
    if (auto who = context_.remote->sessions().find(session_id(settled.session())))
      who->settle(settled.bytes(), settled.count());
    return;
  }
  const bool audit = route_audit::concerns(static_cast<std::uint8_t>(head->kind));
  if (!audit && head->kind >= frame_kind::store_commit) return store_.received(from, *head, message.bytes);
  const bool routes =
      audit || (head->kind >= frame_kind::route && head->kind <= frame_kind::routes_complete);
  if (routes && head->shard == wildcard_shard)
    return tell(context_.wildcard_index, std::move(message));
  if (head->shard >= context_.topic_shards.size()) return;
  if (audit || head->kind <= frame_kind::routes_complete)
    tell(context_.topic_shards[head->shard], std::move(message));
  else
    tell(context_.session_shards[head->shard], std::move(message));
}

void dispatcher::owner_changed(shard_id shard, shard_owner owner) {
  if (!context_.remote->set_owner(shard, owner)) return;
  store_.owner_changed(shard);
  const auto n = number(shard);
  tell(context_.session_shards[n], owner_now{shard, owner});
  // All of them: a topic shard serves when every session shard has announced its filters.
  for (const auto& topics : context_.topic_shards) tell(topics, owner_now{shard, owner});
  tell(context_.wildcard_index, owner_now{shard, owner});
}

void dispatcher::majority_changed(bool seen) {
  context_.remote->set_cut_off(!seen);
  const broker::majority_changed news{seen};
  for (const auto& shard : context_.session_shards) tell(shard, news);
  for (const auto& shard : context_.topic_shards) tell(shard, news);
}

void dispatcher::tick() {
  store_.tick();
  for (const auto& shard : context_.session_shards) tell(shard, peer_tick{});
  tell(context_.wildcard_index, peer_tick{});
  for (const auto& shard : context_.topic_shards) tell(shard, peer_tick{});
}

}  // namespace troupe::broker
