// A session shard in a cluster: what is lost with a node.

#include <algorithm>

#include "actors/broker/remote/store_front.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "cluster/shard_hash.hpp"
#include "protocol/topics/names.hpp"

namespace troupe::broker {

using observe::counter;

void session_shard::on(const peer_changed& change) {
  pairings_[change.node] = change.pairing;  // 0: none
  // Forwarded messages may be lost with the link; the owner tells of the next stream. (It counts
  // for none when this node is cut off, and is the same one again afterwards.)
  if (change.node == last_owner_.node && !is_owner()) end_streams();
  if (change.node == owner_.node && !is_owner()) {
    for (auto& [request, wanted] : openings_) wanted.sent = false;
    for (auto& [request, w] : route_changes_) w.sent = false;
    if (change.up) tell_owner_of_sessions();
  }
  if (change.up) return;
  refuse_what_waits();
  if (std::erase(silent_, change.node) != 0 && silent_.empty() && is_owner() && !loading_)
    serve_openings();
  std::erase_if(waiting_, [&](const auto& each) { return each.second.from == change.node; });
  std::erase_if(openings_, [&](const auto& each) { return each.second.from == change.node; });
  std::erase_if(claims_, [&](const auto& each) { return each.first == change.node; });
  std::erase_if(early_, [&](const auto& each) { return each.frame.from == change.node; });
  std::erase_if(route_changes_, [&](const auto& each) { return each.second.from == change.node; });
  if (!is_owner()) return;
  std::vector<std::string> clean;
  for (auto& [client_id, e] : sessions_) {
    if (e.at != change.node) continue;
    if (!e.who->kept()) clean.push_back(client_id);
    else node_lost(e);
  }
  for (auto it = leaving_.begin(); it != leaving_.end();) {
    if (it->second.at != change.node) {
      ++it;
      continue;
    }
    end_of_lost(it->second.who);
    it = leaving_.erase(it);
  }
  for (const auto& client_id : clean) {
    auto node = sessions_.extract(client_id);
    auto& e = node.mapped();
    publish_will(e);
    e.who->end();
    context_.remote->sessions().erase(e.who);
    waiting_served(client_id);
  }
}

void session_shard::end_streams() {
  for (auto& [client_id, e] : sessions_) e.who->stream(0);
}

/// What its node knew of it stands in the store.
void session_shard::node_lost(entry& e) {
  e.at = cluster::no_node;
  e.reading = true;
  e.who->awake_at(cluster::no_node);
  e.who->online(false);
  context_.front->read_session(
      e.who->id(), [self = strong(*this), this, who = e.who](store_front::stored_session found) {
        auto kept = std::make_shared<store_front::stored_session>(std::move(found));
        tell(self, deferred{[this, who, kept] {
               auto it = sessions_.find(who->client_id());
               if (it == sessions_.end() || it->second.who != who || !it->second.reading) return;
               auto& lost = it->second;
               lost.reading = false;
               if (lost.at != cluster::no_node) return waiting_served(who->client_id());
               if (kept->failed) return node_lost(lost);  // paced by the store
               if (kept->entry) {
                 lost.record() = std::move(kept->entry->session);
                 lost.subscriptions = std::move(kept->entry->subscriptions);
               }
               lost.record().id = who->id();
               lost.record().client_id = who->client_id();
               announce_presence(lost);
               context_.sessions.fetch_add(1);
               context_.durable_sessions.fetch_add(1);
               context_.subscriptions.fetch_add(lost.subscriptions.size());
               mark_lost(lost);
               waiting_served(who->client_id());
             }});
      });
}

/// Replaced, and its node is gone before it could take itself off the disk.
void session_shard::end_of_lost(const subscriber_ptr& who) {
  who->awake_at(cluster::no_node);
  if (!who->kept()) return context_.remote->sessions().erase(who);
  context_.front->read_session(
      who->id(), [self = strong(*this), this, who](store_front::stored_session found) {
        auto kept = std::make_shared<store_front::stored_session>(std::move(found));
        tell(self, deferred{[this, who, kept] {
               if (kept->failed) return end_of_lost(who);
               entry e;
               e.who = who;
               e.record().client_id = who->client_id();
               if (kept->entry) e.subscriptions = std::move(kept->entry->subscriptions);
               context_.sessions.fetch_add(1);
               context_.durable_sessions.fetch_add(1);
               context_.subscriptions.fetch_add(e.subscriptions.size());
               erase_sleeping(e);
             }});
      });
}

/// Its connection is gone with a node, now.
void session_shard::mark_lost(entry& e) {
  e.unclaimed = false;
  if (e.who->online()) {
    e.who->online(false);
    announce_presence(e);
  }
  if (e.record().disconnected_at == 0) {
    e.record().disconnected_at = loop().wall();
    storage::transaction writes;
    writes.put_session(e.record());
    context_.store.commit(std::move(writes), [](const storage::commit_result&) {});
  }
  plan_expiry(e);
  if (!e.record().will) return;
  wake_up(e, loop().index());
  tell(e.awake, wake_session{});
}

void session_shard::publish_will(const entry& e) {
  if (!e.will) return;
  const auto authorizer = context_.authorizer.get();
  if (authorizer &&
      !authorizer->may_publish({e.who->client_id(), e.will->username, false}, e.will->will.topic))
    return;
  context_.count(counter::wills_sent);
  mqtt::message::fields f;
  f.topic = e.will->will.topic;
  f.payload = e.will->will.payload;
  f.properties = e.will->will.properties;
  f.level = e.will->will.level;
  f.retain = e.will->will.retain;
  f.received_at = loop().wall();
  if (e.will->will.expiry) f.expires_at = f.received_at + std::int64_t{*e.will->will.expiry} * 1000;
  f.publisher = e.who->id().value;
  auto batch = std::make_shared<publish_batch>();
  batch->from = e.who->id();
  batch->client = cluster::stable_hash(e.who->client_id());
  batch->items.emplace_back().body = mqtt::message::make(f);
  tell(context_.topic_shard(e.will->will.topic), publish_request{std::move(batch)});
}

}  // namespace troupe::broker
