// A session shard in a cluster: as the owner of the directory, and as the way to it.

#include <algorithm>

#include "actors/broker/remote/store_front.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/topics/names.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

// Ticks, of about a second.
constexpr unsigned patience = 10;
// For nodes to tell a new owner which sessions are awake there.
constexpr unsigned patience_for_claims = 3;

constexpr std::uint32_t never = 0xFFFF'FFFF;

}  // namespace

bool session_shard::receive_remote(caf::mailbox_element& m) {
  if (auto* frame = runtime::mutable_payload<peer_message>(m)) on(*frame);
  else if (auto* node = runtime::mutable_payload<peer_changed>(m)) on(*node);
  else if (auto* owner = runtime::mutable_payload<owner_now>(m)) on(*owner);
  else if (auto* change = runtime::mutable_payload<route_change>(m)) route_for_owner(std::move(*change));
  else if (auto* done = runtime::mutable_payload<route_changed>(m)) route_done(*done);
  else if (runtime::mutable_payload<peer_tick>(m) != nullptr) tick();
  else return false;
  return true;
}

// --- a CONNECT: from the connection to the owner ---------------------------------

void session_shard::open_in_cluster(const connect_order_ptr& order) {
  opening wanted;
  wanted.order = order;
  wanted.from = context_.remote->self();
  wanted.client_id = order->packet.client_id;
  wanted.username = order->username;
  wanted.clean_start = order->packet.clean_start;
  wanted.durable = order->packet.session_expiry != 0;
  if (!wanted.durable) wanted.will = order->packet.will;
  if (is_owner() && !loading_) return serve(std::move(wanted));
  const auto request = next_request_++;
  send(request, openings_.emplace(request, std::move(wanted)).first->second);
}

void session_shard::send(std::uint64_t request, opening& wanted) {
  // What waits for the directory of this node stays as well.
  if (is_owner() || owner_.node == cluster::no_node || wanted.order == nullptr) return;
  peer::OpenSession frame;
  frame.set_request(request);
  frame.set_client_id(wanted.client_id);
  frame.set_clean_start(wanted.clean_start);
  frame.set_durable(wanted.durable);
  frame.set_username(wanted.username);
  if (wanted.will) put_will(*wanted.will, *frame.mutable_will());
  wanted.sent =
      context_.remote->send(owner_.node, frame_kind::open_session, number(shard_), frame);
}

/// The owner's decision: which session it is, and where it wakes.
void session_shard::serve(opening wanted) {
  auto it = sessions_.find(wanted.client_id);
  const auto self = context_.remote->self();
  if (it != sessions_.end()) {
    auto& e = it->second;
    if (e.unclaimed && !e.awake && e.at == cluster::no_node && !silent_.empty()) {
      // It may be awake on a node that is about to say so.
      openings_.emplace(next_request_++, std::move(wanted));
      return;
    }
    if (e.reading) {
      wait_for(std::move(wanted));
      return;
    }
    const bool here = wanted.from == self;
    const bool awake = e.awake != nullptr || e.at != cluster::no_node;
    const auto at = e.at != cluster::no_node ? e.at : self;
    // A clean session ends with its connection; on its own node it sees to that itself.
    const bool replaced =
        wanted.clean_start || (awake && !e.who->kept() && !(here && e.awake != nullptr));
    if (replaced) {
      discard(e);
      sessions_.erase(it);
    } else if (awake && at != wanted.from) {
      yield(e, mqtt::reason_code::session_taken_over, false);
      wait_for(std::move(wanted));
      return;
    }
  }
  if (wanted.from == self) {
    open_here(wanted.order);
    if (auto made = sessions_.find(wanted.client_id); made != sessions_.end())
      made->second.unclaimed = false;
    return;
  }
  auto& e = sessions_[wanted.client_id];
  grant(e, wanted);
}

/// Until another node or the store lets go of the session; the latest one wins.
void session_shard::wait_for(opening wanted) {
  if (auto known = waiting_.find(wanted.client_id); known != waiting_.end())
    refuse(known->second, mqtt::reason_code::session_taken_over);
  auto client_id = wanted.client_id;
  waiting_.insert_or_assign(std::move(client_id), std::move(wanted));
}

void session_shard::grant(entry& e, const opening& wanted) {
  peer::SessionGrant frame;
  frame.set_request(wanted.request);
  if (!e.who) {
    e.who = new subscriber(session_id(shard_, next_count_++), wanted.durable, false,
                           wanted.client_id);
    context_.remote->sessions().put(e.who);
  } else if (e.at == wanted.from) {
    frame.set_awake(true);
  } else {
    frame.set_woken(true);
    put_state(e.record, e.subscriptions, *frame.mutable_state());
    for (const auto& s : e.subscriptions)
      if (topics::is_shared_prefix(s.filter)) e.shared.push_back(s.filter);
    const auto shared = static_cast<std::uint64_t>(e.shared.size());
    context_.subscriptions.fetch_sub(e.subscriptions.size());
    context_.shared_subscriptions.fetch_sub(shared);
    context_.sessions.fetch_sub(1);
    context_.durable_sessions.fetch_sub(1);
    e.record = {};
    e.subscriptions = {};
  }
  e.at = wanted.from;
  e.unclaimed = false;
  e.will = wanted.will;
  e.username = wanted.username;
  e.who->awake_at(wanted.from);
  e.who->online(true);
  frame.set_session(e.who->id().value);
  frame.set_durable(e.who->kept());
  context_.remote->send(wanted.from, frame_kind::session_grant, number(shard_), frame);
}

void session_shard::refuse(const opening& wanted, mqtt::reason_code reason) {
  if (wanted.order == nullptr) {
    peer::SessionGrant frame;
    frame.set_request(wanted.request);
    frame.set_refused(static_cast<std::uint32_t>(reason));
    context_.remote->send(wanted.from, frame_kind::session_grant, number(shard_), frame);
    return;
  }
  const auto& order = *wanted.order;
  context_.loops.loop(order.loop).post([&context = context_, loop = order.loop,
                                        number = order.connection, reason] {
    auto& devices = context.devices[loop];
    if (auto it = devices.find(number); it != devices.end())
      it->second->disconnect(reason, mqtt::to_string(reason));
  });
}

void session_shard::granted(const peer::SessionGrant& frame) {
  if (frame.request() == 0) {
    const auto who = context_.remote->sessions().find(session_id(frame.session()));
    if (who) tell(who->actor(), reread{});
    return;
  }
  auto node = openings_.extract(frame.request());
  if (node.empty()) return;
  auto& wanted = node.mapped();
  if (frame.refused() != 0)
    return refuse(wanted, static_cast<mqtt::reason_code>(frame.refused()));
  const session_id id(frame.session());
  auto it = sessions_.find(wanted.client_id);
  if (it != sessions_.end() && it->second.who->id() != id) {
    // An earlier session of this client, whose end the owner knows of already.
    discard(it->second);
    sessions_.erase(it);
    it = sessions_.end();
  }
  if (it == sessions_.end()) {
    if (frame.awake()) {
      // It was here, and the owner has not heard of its end.
      peer::SessionEnded unknown;
      unknown.set_client_id(wanted.client_id);
      unknown.set_session(id.value);
      unknown.set_unknown(true);
      context_.remote->send(owner_.node, frame_kind::session_ended, number(shard_), unknown);
      return open_in_cluster(wanted.order);
    }
    it = sessions_.try_emplace(wanted.client_id).first;
    auto& e = it->second;
    e.who = new subscriber(id, frame.durable(), frame.woken(), wanted.client_id);
    context_.remote->sessions().put(e.who);
    session_birth birth;
    birth.who = e.who;
    birth.client_id = wanted.client_id;
    birth.woken = frame.woken();
    if (frame.woken()) {
      birth.record = record_of(frame.state());
      birth.record.id = id;
      birth.record.client_id = wanted.client_id;
      birth.subscriptions = subscriptions_of(frame.state());
      context_.subscriptions.fetch_add(birth.subscriptions.size());
      context_.durable_sessions.fetch_add(1);
      context_.shared_subscriptions.fetch_add(static_cast<std::uint64_t>(
          std::count_if(birth.subscriptions.begin(), birth.subscriptions.end(), [](const auto& s) {
            return topics::is_shared_prefix(s.filter);
          })));
    }
    context_.sessions.fetch_add(1);
    start(e, std::move(birth), wanted.order->loop);
  }
  tell(it->second.awake, attach_client{wanted.order});
}

// --- the end of sessions elsewhere -------------------------------------------------

void session_shard::yield(const entry& e, mqtt::reason_code reason, bool end) {
  if (e.at == cluster::no_node) {
    tell(e.awake, kick{reason, end, true, !end});
    return;
  }
  peer::SessionYield frame;
  frame.set_client_id(e.who->client_id());
  frame.set_session(e.who->id().value);
  frame.set_reason(static_cast<std::uint32_t>(reason));
  frame.set_end(end);
  frame.set_send_will(true);
  context_.remote->send(e.at, frame_kind::session_yield, number(shard_), frame);
}

void session_shard::on_yield(const peer::SessionYield& frame) {
  auto it = sessions_.find(frame.client_id());
  const bool known =
      it != sessions_.end() && it->second.awake && it->second.who->id().value == frame.session();
  if (known)
    return tell(it->second.awake,
                kick{static_cast<mqtt::reason_code>(frame.reason()), frame.end(),
                     frame.send_will(), !frame.end()});
  peer::SessionEnded ended;  // its last word is on its way, or was lost with a link
  ended.set_unknown(true);
  ended.set_client_id(frame.client_id());
  ended.set_session(frame.session());
  context_.remote->send(owner_.node, frame_kind::session_ended, number(shard_), ended);
}

void session_shard::discard_elsewhere(entry& e) {
  yield(e, mqtt::reason_code::session_taken_over, true);
  e.who->end();
  // Its own node takes its routes out and what it was owed off the disk.
  leaving_.insert_or_assign(e.who->id(), std::move(e));
}

void session_shard::trim_elsewhere(const entry& e) {
  peer::TrimQueue frame;
  frame.set_session(e.who->id().value);
  context_.remote->send(e.at, frame_kind::trim_queue, number(shard_), frame);
  e.who->trimmed();
}

void session_shard::ended_in_cluster(const session_ended& message) {
  if (is_owner()) return waiting_served(message.client_id);
  peer::SessionEnded frame;
  frame.set_client_id(message.client_id);
  frame.set_session(message.id.value);
  context_.remote->send(owner_.node, frame_kind::session_ended, number(shard_), frame);
}

void session_shard::rested_in_cluster(const std::string& client_id) {
  auto it = sessions_.find(client_id);
  if (it == sessions_.end()) return;
  if (is_owner()) {
    plan_expiry(it->second);
    return waiting_served(client_id);
  }
  auto& e = it->second;
  peer::SessionRested frame;
  put_state(e.record, e.subscriptions, *frame.mutable_state());
  context_.remote->send(owner_.node, frame_kind::session_rested, number(shard_), frame);
  context_.remote->sessions().erase(e.who);
  context_.sessions.fetch_sub(1);
  context_.durable_sessions.fetch_sub(1);
  context_.subscriptions.fetch_sub(e.subscriptions.size());
  context_.shared_subscriptions.fetch_sub(static_cast<std::uint64_t>(
      std::count_if(e.subscriptions.begin(), e.subscriptions.end(),
                    [](const auto& s) { return topics::is_shared_prefix(s.filter); })));
  sessions_.erase(it);
}

void session_shard::on_ended(cluster::node_id from, const peer::SessionEnded& frame) {
  auto it = sessions_.find(frame.client_id());
  const bool known = it != sessions_.end() && it->second.who->id().value == frame.session();
  if (known && it->second.at == from && frame.unknown() && it->second.who->kept()) {
    return node_lost(it->second);
  } else if (known && it->second.at == from) {
    it->second.who->end();
    it->second.who->awake_at(cluster::no_node);
    context_.remote->sessions().erase(it->second.who);
    sessions_.erase(it);
  } else if (auto left = leaving_.extract(session_id(frame.session())); !left.empty()) {
    left.mapped().who->awake_at(cluster::no_node);
    context_.remote->sessions().erase(left.mapped().who);
  }
  if (known || it == sessions_.end()) waiting_served(frame.client_id());
}

void session_shard::on_rested(cluster::node_id from, const peer::SessionRested& frame) {
  auto it = sessions_.find(frame.state().client_id());
  if (it == sessions_.end() || it->second.at != from ||
      it->second.who->id().value != frame.state().session())
    return;
  auto& e = it->second;
  e.at = cluster::no_node;
  e.shared.clear();
  e.who->awake_at(cluster::no_node);
  e.who->online(false);
  e.record = record_of(frame.state());
  e.subscriptions = subscriptions_of(frame.state());
  context_.sessions.fetch_add(1);
  context_.durable_sessions.fetch_add(1);
  context_.subscriptions.fetch_add(e.subscriptions.size());
  context_.shared_subscriptions.fetch_add(static_cast<std::uint64_t>(
      std::count_if(e.subscriptions.begin(), e.subscriptions.end(),
                    [](const auto& s) { return topics::is_shared_prefix(s.filter); })));
  plan_expiry(e);
  waiting_served(frame.state().client_id());
}

void session_shard::waiting_served(const std::string& client_id) {
  if (auto node = waiting_.extract(client_id); !node.empty()) serve(std::move(node.mapped()));
}

// --- nodes -----------------------------------------------------------------------

void session_shard::on(const peer_changed& change) {
  if (change.node == owner_.node && !is_owner()) {
    for (auto& [request, wanted] : openings_) wanted.sent = false;
    for (auto& [request, w] : route_changes_) w.sent = false;
    if (change.up) tell_owner_of_sessions();
  }
  if (change.up) return;
  if (std::erase(silent_, change.node) != 0 && silent_.empty() && is_owner() && !loading_)
    serve_openings();
  std::erase_if(waiting_, [&](const auto& each) { return each.second.from == change.node; });
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

/// What its node knew of it stands in the store.
void session_shard::node_lost(entry& e) {
  e.at = cluster::no_node;
  e.reading = true;
  e.who->awake_at(cluster::no_node);
  e.who->online(false);
  e.shared.clear();
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
                 lost.record = std::move(kept->entry->session);
                 lost.subscriptions = std::move(kept->entry->subscriptions);
               }
               lost.record.id = who->id();
               lost.record.client_id = who->client_id();
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
               e.record.client_id = who->client_id();
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
  if (e.record.disconnected_at == 0) {
    e.record.disconnected_at = loop().wall();
    storage::transaction writes;
    writes.put_session(e.record);
    context_.store.commit(std::move(writes), [](const storage::commit_result&) {});
  }
  plan_expiry(e);
  if (!e.record.will) return;
  wake_up(e, loop().index());
  tell(e.awake, wake_session{});
}

void session_shard::publish_will(const entry& e) {
  if (!e.will) return;
  const auto authorizer = context_.authorizer.get();
  if (authorizer &&
      !authorizer->may_publish({e.who->client_id(), e.username, false}, e.will->topic))
    return;
  context_.count(counter::wills_sent);
  mqtt::message::fields f;
  f.topic = e.will->topic;
  f.payload = e.will->payload;
  f.properties = e.will->properties;
  f.level = e.will->level;
  f.retain = e.will->retain;
  f.received_at = loop().wall();
  if (e.will->expiry) f.expires_at = f.received_at + std::int64_t{*e.will->expiry} * 1000;
  f.publisher = e.who->id().value;
  auto batch = std::make_shared<publish_batch>();
  batch->from = e.who->id();
  batch->items.emplace_back().body = mqtt::message::make(f);
  tell(context_.topic_shard(e.will->topic), publish_request{std::move(batch)});
}

// --- owners ----------------------------------------------------------------------

void session_shard::on(const owner_now& change) {
  const bool was_owner = is_owner();
  const auto before = owner_;
  owner_ = change.owner;
  // In between another node may have been the owner: what is known here may be old.
  if (was_owner && (!is_owner() || before.epoch != owner_.epoch)) step_down();
  // Those who waited for another node to let go ask the new owner.
  const auto waiting = std::exchange(waiting_, {});
  const auto ask_again = [&] {
    for (const auto& [client_id, wanted] : waiting)
      if (wanted.order) open_in_cluster(wanted.order);
  };
  if (is_owner()) {
    if (!was_owner || before.epoch != owner_.epoch) take_over();
    return ask_again();
  }
  for (auto& [request, wanted] : openings_) wanted.sent = false;
  for (auto& [request, w] : route_changes_) w.sent = false;
  tell_owner_of_sessions();
  ask_again();
}

void session_shard::step_down() {
  loading_ = false;
  claims_.clear();
  context_.remote->set_serves(shard_, false);
  for (const auto& topics : context_.topic_shards) tell(topics, routes_announced{shard_, 0});
  tell(context_.wildcard_index, routes_announced{shard_, 0});
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    auto& e = it->second;
    if (e.awake) {
      // It goes on here; the new owner announces its routes.
      if (e.who->kept()) e.who->moved_to(context_.remote->self());
      ++it;
      continue;
    }
    e.who->moved_to(context_.remote->self());
    context_.remote->sessions().erase(e.who);
    if (e.at == cluster::no_node) {
      context_.sessions.fetch_sub(1);
      context_.durable_sessions.fetch_sub(1);
      context_.subscriptions.fetch_sub(e.subscriptions.size());
    }
    it = sessions_.erase(it);
  }
  expiries_ = {};
  uncounted_.clear();
  std::erase_if(route_changes_, [](const auto& each) {
    return each.second.from != cluster::no_node;
  });
}

void session_shard::tell_owner_of_sessions() {
  const auto to = owner_.node;
  if (to == cluster::no_node || !context_.remote->is_up(to)) return;
  peer::SessionsHere frame;
  const auto flush = [&](bool last) {
    frame.set_last(last);
    context_.remote->send(to, frame_kind::sessions_here, number(shard_), frame);
    frame.Clear();
  };
  for (auto& [client_id, e] : sessions_) {
    if (!e.awake || e.who->ended()) continue;
    auto& state = *frame.add_sessions();
    state.set_session(e.who->id().value);
    state.set_client_id(client_id);
    state.set_expiry(e.who->kept() ? never : 0);
    state.set_disconnected_at(e.who->online() ? 0 : 1);
    if (frame.sessions_size() == 256) flush(false);
  }
  flush(true);
  // Behind the claim: their sessions are known there when they are asked for.
  for (auto& [request, wanted] : openings_)
    if (!wanted.sent) send(request, wanted);
  for (auto& [request, w] : route_changes_)
    if (!w.sent) send_route(request, w);
}

void session_shard::take_over() {
  loading_ = true;
  ticks_as_owner_ = 0;
  silent_ = context_.remote->up();
  // Also sessions that are not kept have a number that nobody else ever has.
  const auto marks = context_.front->marks(shard_);
  next_count_ = std::max({next_count_, marks.next_session_count, owner_.epoch << 24});
  context_.remote->set_next_offset(shard_, marks.next_offset);
  read_directory({}, owner_.epoch);
}

void session_shard::read_directory(std::string cursor, std::uint64_t epoch) {
  context_.front->read_directory(
      shard_, cursor, [self = strong(*this), this, cursor, epoch](storage::directory_page page) {
        auto kept = std::make_shared<storage::directory_page>(std::move(page));
        tell(self, deferred{[this, cursor, epoch, kept] {
               if (!loading_ || !is_owner() || owner_.epoch != epoch) return;
               if (kept->failed) return read_directory(cursor, epoch);
               for (auto& each : kept->sessions)
                 adopt(std::move(each.session), std::move(each.subscriptions));
               if (!kept->next.empty()) return read_directory(std::move(kept->next), epoch);
               loaded();
             }});
      });
}

/// A session of the directory, as the last owner left it.
void session_shard::adopt(storage::session_record record,
                          std::vector<storage::subscription_record> subscriptions) {
  auto& e = sessions_[record.client_id];
  if (e.who && e.who->id() == record.id && !e.awake) {
    // The next page goes on with it.
    for (const auto& s : subscriptions) announce(e, s, true);
    context_.subscriptions.fetch_add(subscriptions.size());
    e.subscriptions.insert(e.subscriptions.end(), subscriptions.begin(), subscriptions.end());
    return;
  }
  if (e.who && e.who->id() == record.id) {
    // It is awake here. Its routes are this node's to tell from now on.
    e.who->moved_to(cluster::no_node);
    e.who->uncount();
    uncounted_.push_back(e.who);
    for (const auto& s : subscriptions) announce(e, s, true);
    return;
  }
  if (e.who) {
    // Of one client there may be two for a moment: the younger one counts.
    if (record.id < e.who->id()) {
      storage::transaction writes;
      writes.erase_session(record.id, record.client_id);
      context_.store.commit(std::move(writes), [](const storage::commit_result&) {});
      return;
    }
    if (e.awake) tell(e.awake, kick{mqtt::reason_code::session_taken_over, true, true});
  }
  e = entry{};
  e.who = new subscriber(record.id, true, true, record.client_id);
  e.unclaimed = record.disconnected_at == 0;
  uncounted_.push_back(e.who);
  context_.remote->sessions().put(e.who);
  context_.sessions.fetch_add(1);
  context_.durable_sessions.fetch_add(1);
  for (const auto& s : subscriptions) {
    announce(e, s, true);
    context_.subscriptions.fetch_add(1);
    if (topics::is_shared_prefix(s.filter)) context_.shared_subscriptions.fetch_add(1);
  }
  e.record = std::move(record);
  e.subscriptions = std::move(subscriptions);
  if (!e.unclaimed) plan_expiry(e);
}

void session_shard::announce(const entry& e, const storage::subscription_record& s, bool add) {
  route_change change;
  change.add = add;
  const auto shared = topics::parse_shared(s.filter);
  change.filter = shared ? std::string(shared->filter) : s.filter;
  if (shared) change.share = s.filter;
  change.what = {e.who, s.options, s.subscription_id};
  context_.announce_route(std::move(change));
}

void session_shard::loaded() {
  loading_ = false;
  context_.remote->set_serves(shard_, true);
  for (const auto& topics : context_.topic_shards)
    tell(topics, routes_announced{shard_, owner_.epoch});
  tell(context_.wildcard_index, routes_announced{shard_, owner_.epoch});
  for (auto& [from, frame] : std::exchange(claims_, {})) on_here(from, frame);
  for (auto& [client_id, e] : sessions_)
    if (e.awake && e.who->kept()) tell(e.awake, reread{});
  serve_openings();
  for (auto& [request, w] : std::exchange(route_changes_, {})) route_for_owner(std::move(w.change));
  count_next();
  arm();
}

void session_shard::serve_openings() {
  for (auto& [request, wanted] : std::exchange(openings_, {})) serve(std::move(wanted));
}

void session_shard::on_here(cluster::node_id from, const peer::SessionsHere& frame) {
  if (!is_owner()) return;
  if (loading_) {
    claims_.emplace_back(from, frame);
    return;
  }
  for (const auto& claim : frame.sessions()) {
    const session_id id(claim.session());
    if (id.shard() != shard_) continue;
    auto it = sessions_.find(claim.client_id());
    const bool kept = claim.expiry() != 0;
    if (it != sessions_.end() && it->second.who->id() == id) {
      auto& e = it->second;
      if (e.at == from) continue;
      if (e.awake || e.at != cluster::no_node) {
        // Two claim it: the later one has to come again.
        peer::SessionYield end;
        end.set_client_id(claim.client_id());
        end.set_session(claim.session());
        end.set_reason(static_cast<std::uint32_t>(mqtt::reason_code::session_taken_over));
        context_.remote->send(from, frame_kind::session_yield, number(shard_), end);
        continue;
      }
      for (const auto& s : e.subscriptions)
        if (topics::is_shared_prefix(s.filter)) e.shared.push_back(s.filter);
      context_.sessions.fetch_sub(1);
      context_.durable_sessions.fetch_sub(1);
      context_.subscriptions.fetch_sub(e.subscriptions.size());
      e.subscriptions = {};
      e.record = {};
      e.at = from;
      e.unclaimed = false;
      e.who->awake_at(from);
      e.who->online(claim.disconnected_at() == 0);
      // From now on it hears of what comes; what came before it has to read.
      peer::SessionGrant known;
      known.set_session(id.value);
      known.set_awake(true);
      context_.remote->send(from, frame_kind::session_grant, number(shard_), known);
      continue;
    }
    if (!kept && (it == sessions_.end() || it->second.who->id() < id)) {
      if (it != sessions_.end()) {
        discard(it->second);
        sessions_.erase(it);
      }
      auto& e = sessions_[claim.client_id()];
      e.who = new subscriber(id, false, false, claim.client_id());
      e.at = from;
      e.who->awake_at(from);
      context_.remote->sessions().put(e.who);
      continue;
    }
    peer::SessionYield end;
    end.set_client_id(claim.client_id());
    end.set_session(claim.session());
    end.set_reason(static_cast<std::uint32_t>(mqtt::reason_code::session_taken_over));
    end.set_end(true);
    context_.remote->send(from, frame_kind::session_yield, number(shard_), end);
  }
  if (frame.last() && std::erase(silent_, from) != 0 && silent_.empty()) serve_openings();
}

void session_shard::tick() {
  std::vector<std::uint64_t> late;
  for (auto& [request, wanted] : openings_) {
    if (++wanted.age > patience) late.push_back(request);
    else if (!wanted.sent) send(request, wanted);
  }
  for (const auto request : late) {
    refuse(openings_.at(request), mqtt::reason_code::server_unavailable);
    openings_.erase(request);
  }
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (++it->second.age <= patience) {
      ++it;
      continue;
    }
    refuse(it->second, mqtt::reason_code::server_busy);
    it = waiting_.erase(it);
  }
  for (auto& [request, w] : route_changes_)
    if (!w.sent && !is_owner()) send_route(request, w);
  if (!is_owner() || loading_ || ++ticks_as_owner_ != patience_for_claims) return;
  silent_.clear();
  serve_openings();
  for (auto& [client_id, e] : sessions_)
    if (e.unclaimed && !e.awake && e.at == cluster::no_node) mark_lost(e);
}

// --- routes of sessions that are awake elsewhere -------------------------------------

void session_shard::route_for_owner(route_change change) {
  if (is_owner() && !loading_) return context_.announce_route(std::move(change));
  const auto request = next_request_++;
  send_route(request, route_changes_.emplace(request, waiting_route{std::move(change)}).first->second);
}

void session_shard::send_route(std::uint64_t request, waiting_route& w) {
  if (is_owner() || owner_.node == cluster::no_node || w.from != cluster::no_node) return;
  peer::RouteChange frame;
  frame.set_request(request);
  put_route(w.change, *frame.mutable_route());
  w.sent = context_.remote->send(owner_.node, frame_kind::session_route, number(shard_), frame);
}

void session_shard::on_route(cluster::node_id from, const peer::RouteChange& frame) {
  if (!is_owner() || frame.route().filter().empty()) return;
  const auto who = context_.remote->sessions().find(session_id(frame.route().session()));
  if (!who || who->remote()) {
    peer::RouteAnswer answer;  // it has ended
    answer.set_request(frame.request());
    context_.remote->send(from, frame_kind::session_route_answer, number(shard_), answer);
    return;
  }
  auto change = route_of(frame.route(), from);
  who->online(frame.route().online());
  change.what.who = who;
  const auto token = next_request_++;
  change.token = token;
  change.answer_to = strong(*this);
  waiting_route w;
  w.from = from;
  w.request = frame.request();
  route_changes_.emplace(token, std::move(w));
  context_.announce_route(std::move(change));
}

void session_shard::route_done(const route_changed& done) {
  auto node = route_changes_.extract(done.token);
  if (node.empty()) return;
  peer::RouteAnswer answer;
  answer.set_request(node.mapped().request);
  for (const auto& v : done.versions) {
    auto& added = *answer.add_versions();
    added.set_run(v.run);
    added.set_version(v.number);
  }
  context_.remote->send(node.mapped().from, frame_kind::session_route_answer, number(shard_),
                        answer);
}

// --- frames ----------------------------------------------------------------------

void session_shard::on_forward(const peer::Forward& frame) {
  for (const auto& item : frame.items()) {
    const auto who = context_.remote->sessions().find(session_id(item.terms().session()));
    if (!who) continue;
    auto d = delivery_of(item);
    if (!d.body) continue;
    auto actor = who->actor();
    if (!actor) continue;
    deliver one;
    one.messages.push_back(std::move(d));
    tell(actor, std::move(one));
  }
}

void session_shard::on(const peer_message& frame) {
  const auto read = [&](auto content, auto use) {
    if (content.ParseFromString(frame.bytes)) use(content);
  };
  switch (static_cast<frame_kind>(frame.kind)) {
    case frame_kind::open_session:
      return read(peer::OpenSession{}, [&](auto& c) {
        opening wanted;
        wanted.from = frame.from;
        wanted.request = c.request();
        wanted.client_id = c.client_id();
        wanted.clean_start = c.clean_start();
        wanted.durable = c.durable();
        wanted.username = c.username();
        if (c.has_will()) wanted.will = will_of(c.will());
        if (!is_owner()) return;  // it hears of the new owner and asks there
        if (loading_)
          openings_.emplace(next_request_++, std::move(wanted));
        else
          serve(std::move(wanted));
      });
    case frame_kind::session_grant:
      return read(peer::SessionGrant{}, [&](auto& c) { granted(c); });
    case frame_kind::session_ended:
      return read(peer::SessionEnded{}, [&](auto& c) { on_ended(frame.from, c); });
    case frame_kind::session_rested:
      return read(peer::SessionRested{}, [&](auto& c) { on_rested(frame.from, c); });
    case frame_kind::sessions_here:
      return read(peer::SessionsHere{}, [&](auto& c) { on_here(frame.from, c); });
    case frame_kind::session_yield:
      return read(peer::SessionYield{}, [&](auto& c) { on_yield(c); });
    case frame_kind::forward:
      return read(peer::Forward{}, [&](auto& c) { on_forward(c); });
    case frame_kind::session_route:
      return read(peer::RouteChange{}, [&](auto& c) { on_route(frame.from, c); });
    case frame_kind::session_route_answer:
      return read(peer::RouteAnswer{}, [&](auto& c) {
        auto node = route_changes_.extract(c.request());
        if (node.empty()) return;
        const auto& change = node.mapped().change;
        route_changed done{change.token, change.entry, {}};
        for (const auto& v : c.versions()) done.versions.push_back({v.run(), v.version()});
        if (change.token != 0) tell(change.answer_to, std::move(done));
      });
    case frame_kind::trim_queue:
      return read(peer::TrimQueue{}, [&](auto& c) {
        if (auto who = context_.remote->sessions().find(session_id(c.session())))
          if (auto actor = who->actor()) tell(actor, trim_queue{who});
      });
    default:
      return;
  }
}

}  // namespace troupe::broker
