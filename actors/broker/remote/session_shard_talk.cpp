// A session shard in a cluster: as the owner of the directory, and as the way to it.

#include <algorithm>

#include "actors/broker/remote/store_front.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/topics/names.hpp"

namespace troupe::broker {

bool session_shard::receive_remote(caf::mailbox_element& m) {
  if (auto* frame = runtime::mutable_payload<peer_message>(m)) on(*frame);
  else if (auto* node = runtime::mutable_payload<peer_changed>(m)) on(*node);
  else if (auto* owner = runtime::mutable_payload<owner_now>(m)) on(*owner);
  else if (auto* change = runtime::mutable_payload<route_change>(m)) route_for_owner(std::move(*change));
  else if (auto* done = runtime::mutable_payload<route_changed>(m)) route_done(*done);
  else if (auto* majority = runtime::mutable_payload<majority_changed>(m)) on(*majority);
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
  // It had begun with an owner that is none any more, and of the next one nothing was heard here.
  if (owner_.epoch < order->not_before) {
    openings_.emplace(next_request_++, std::move(wanted));
    return;
  }
  if (is_owner() && !loading_) return serve(std::move(wanted));
  if (cut_off_ && out_of_reach()) return refuse_cut_off(wanted);
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
  frame.set_to_epoch(owner_.epoch);
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
    if (!e.awake && e.at == cluster::no_node && !silent_.empty()) {
      // It may be awake on a node that is about to say so, with a client or without.
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
  // It stays, or wakes, where this one is: nobody gets it who came before.
  if (auto earlier = waiting_.extract(wanted.client_id); !earlier.empty())
    refuse(earlier.mapped(), mqtt::reason_code::session_taken_over);
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
    e.life = next_life();
  } else if (e.at == wanted.from) {
    frame.set_awake(true);
  } else {
    e.life = next_life();
    frame.set_woken(true);
    put_state(e.record(), e.subscriptions, *frame.mutable_state());
    const auto shared = static_cast<std::uint64_t>(
        std::count_if(e.subscriptions.begin(), e.subscriptions.end(),
                      [](const auto& s) { return topics::is_shared_prefix(s.filter); }));
    context_.subscriptions.fetch_sub(e.subscriptions.size());
    context_.shared_subscriptions.fetch_sub(shared);
    context_.sessions.fetch_sub(1);
    context_.durable_sessions.fetch_sub(1);
    e.drop_record();
    e.subscriptions = {};
  }
  e.who->epoch(owner_.epoch);
  e.who->life(e.life);
  if (!frame.awake()) e.who->stream(next_life());
  frame.set_stream(e.who->stream());
  e.at = wanted.from;
  e.unclaimed = false;
  e.will = wanted.will ? std::make_unique<will_elsewhere>(will_elsewhere{*wanted.will,
                                                                         wanted.username})
                       : nullptr;
  e.who->awake_at(wanted.from);
  e.who->online(true);
  frame.set_session(e.who->id().value);
  frame.set_durable(e.who->kept());
  frame.set_life(e.life);
  frame.set_epoch(owner_.epoch);
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

/// Nobody who can be asked knows the sessions of the shard.
bool session_shard::out_of_reach() const {
  return !is_owner() && !context_.remote->is_up(owner_.node);
}

/// Cut off from the majority: the client is told at once, and may try another node.
void session_shard::refuse_cut_off(const opening& wanted) {
  const auto reference = context_.server_reference.get();
  context_.count(observe::counter::connects_refused_no_majority);
  refuse(wanted, reference && !reference->empty() ? mqtt::reason_code::use_another_server
                                                  : mqtt::reason_code::server_unavailable);
}

void session_shard::refuse_what_waits() {
  if (!cut_off_ || !out_of_reach()) return;
  for (auto it = openings_.begin(); it != openings_.end();) {
    const bool here = it->second.order != nullptr;
    if (here) refuse_cut_off(it->second);
    it = here ? openings_.erase(it) : std::next(it);
  }
}

void session_shard::on(const majority_changed& news) {
  cut_off_ = !news.seen;
  refuse_what_waits();
}

void session_shard::granted(const peer::SessionGrant& frame) {
  if (frame.request() == 0) {
    // An earlier owner's stream would hide the one that this owner has named.
    if (frame.epoch() != owner_.epoch) return;
    const auto who = context_.remote->sessions().find(session_id(frame.session()));
    if (!who || who->life() != frame.life()) return;
    who->stream(frame.stream());
    tell(who->actor(), reread{});
    return;
  }
  // What an earlier owner has granted is not known to this one.
  if (frame.not_owner() || (frame.refused() == 0 && frame.epoch() < owner_.epoch)) {
    if (auto it = openings_.find(frame.request()); it != openings_.end()) it->second.sent = false;
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
  if (it != sessions_.end() && it->second.life != frame.life()) {
    // An earlier life of it, of which the owner knows nothing.
    tell(it->second.awake, kick{mqtt::reason_code::session_taken_over, false, false, false, true});
    not_here(wanted.client_id, id, frame.life());
    return open_in_cluster(wanted.order);
  }
  if (it == sessions_.end()) {
    if (frame.awake()) {
      // It was here, and the owner has not heard of its end.
      not_here(wanted.client_id, id, frame.life());
      return open_in_cluster(wanted.order);
    }
    it = sessions_.try_emplace(wanted.client_id).first;
    auto& e = it->second;
    e.who = new subscriber(id, frame.durable(), frame.woken(), wanted.client_id);
    e.life = frame.life();
    e.who->life(e.life);
    e.who->stream(frame.stream());
    context_.remote->sessions().put(e.who);
    session_birth birth;
    birth.who = e.who;
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
  frame.set_life(e.life);
  frame.set_epoch(owner_.epoch);
  context_.remote->send(e.at, frame_kind::session_yield, number(shard_), frame);
}

void session_shard::send_stale(cluster::node_id to, const subscriber& who, std::uint64_t life) {
  peer::SessionYield end;
  end.set_client_id(who.client_id());
  end.set_session(who.id().value);
  end.set_life(life);
  end.set_reason(static_cast<std::uint32_t>(mqtt::reason_code::session_taken_over));
  end.set_stale(true);
  end.set_epoch(owner_.epoch);
  context_.remote->send(to, frame_kind::session_yield, number(shard_), end);
}

/// The owner takes it for awake here.
void session_shard::not_here(const std::string& client_id, session_id id, std::uint64_t life) {
  peer::SessionEnded unknown;
  unknown.set_client_id(client_id);
  unknown.set_session(id.value);
  unknown.set_unknown(true);
  unknown.set_life(life);
  unknown.set_to_epoch(owner_.epoch);
  context_.remote->send(owner_.node, frame_kind::session_ended, number(shard_), unknown);
}

void session_shard::on_yield(const peer::SessionYield& frame) {
  // What an earlier owner wanted, the present one may know better. (An older release names none.)
  if (frame.epoch() != 0 && frame.epoch() < owner_.epoch) return;
  auto it = sessions_.find(frame.client_id());
  const bool known =
      it != sessions_.end() && it->second.awake && it->second.who->id().value == frame.session() &&
      it->second.life == frame.life();
  if (known)
    return tell(it->second.awake,
                kick{static_cast<mqtt::reason_code>(frame.reason()), frame.end(),
                     frame.send_will(), !frame.end() && !frame.stale(), frame.stale(),
                     frame.unknown()});
  // Its last word is on its way, or was lost with a link.
  if (!frame.stale()) not_here(frame.client_id(), session_id(frame.session()), frame.life());
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

void session_shard::ended_in_cluster(const session_ended& message, std::uint64_t life) {
  if (is_owner()) return waiting_served(message.client_id);
  peer::SessionEnded frame;
  frame.set_client_id(message.client_id);
  frame.set_session(message.id.value);
  frame.set_life(life);
  frame.set_to_epoch(owner_.epoch);
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
  put_state(e.record(), e.subscriptions, *frame.mutable_state());
  frame.mutable_state()->set_life(e.life);
  frame.set_to_epoch(owner_.epoch);
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
  const bool known = it != sessions_.end() && it->second.who->id().value == frame.session() &&
                     it->second.life == frame.life();
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
      it->second.who->id().value != frame.state().session() ||
      it->second.life != frame.state().life())
    return;
  auto& e = it->second;
  e.at = cluster::no_node;
  e.who->awake_at(cluster::no_node);
  e.who->online(false);
  e.record() = record_of(frame.state());
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

}  // namespace troupe::broker
