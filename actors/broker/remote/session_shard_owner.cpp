// A session shard in a cluster: what changes with its owner.

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

namespace {

// Ticks, of about a second.
constexpr unsigned patience = 10;
// For nodes to tell a new owner which sessions are awake there.
constexpr unsigned patience_for_claims = 3;

}  // namespace

// --- owners ----------------------------------------------------------------------

void session_shard::on(const owner_now& change) {
  const bool was_owner = is_owner();
  const auto before = owner_;
  owner_ = change.owner;
  if (owner_.node != cluster::no_node) {
    // A new one names new streams; what an earlier one still forwards may have gaps.
    if (owner_.epoch != last_owner_.epoch && !is_owner()) end_streams();
    last_owner_ = owner_;
  }
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
    ask_again();
    return read_early();
  }
  for (auto& [request, wanted] : openings_) wanted.sent = false;
  for (auto& [request, w] : route_changes_) w.sent = false;
  tell_owner_of_sessions();
  ask_again();
  read_early();
  refuse_what_waits();
}

/// In their order; what is for a later owner waits on.
void session_shard::read_early() {
  for (auto& each : std::exchange(early_, {})) {
    if (each.epoch > owner_.epoch)
      early_.push_back(std::move(each));
    else
      on(each.frame);
  }
}

void session_shard::step_down() {
  loading_ = false;
  claims_.clear();
  context_.remote->set_served(shard_, 0);
  context_.remote->set_origins(shard_, nullptr);
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
    frame.set_to_epoch(owner_.epoch);
    frame.set_pairing(pairings_[to]);
    context_.remote->send(to, frame_kind::sessions_here, number(shard_), frame);
    frame.Clear();
  };
  for (auto& [client_id, e] : sessions_) {
    if (!e.awake || e.who->ended()) continue;
    auto& state = *frame.add_sessions();
    state.set_session(e.who->id().value);
    state.set_client_id(client_id);
    state.set_expiry(e.who->kept() ? mqtt::expires_never : 0);
    state.set_disconnected_at(e.who->online() ? 0 : 1);
    state.set_life(e.life);
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
  context_.remote->raise_next_offset(shard_, marks.next_offset);
  origins_ = std::make_shared<origin_table>(owner_.epoch, context_.remote->shards());
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
               for (const auto& each : kept->origins) origins_->restore(each);
               for (const auto& each : kept->choices) origins_->chosen().restore(each);
               if (!kept->next.empty()) return read_directory(std::move(kept->next), epoch);
               loaded();
             }});
      });
}

/// A session of the directory, as the last owner left it.
void session_shard::adopt(storage::session_record record,
                          std::vector<storage::subscription_record> subscriptions) {
  auto& e = sessions_[record.client_id];
  if (e.who && e.who->id() == record.id && !e.awake && e.life >= record.life) {
    // The next page goes on with it; or it came to rest here meanwhile.
    e.who->epoch(owner_.epoch);
    e.who->moved_to(cluster::no_node);
    for (auto& s : subscriptions) {
      announce(e, s, true);
      // In the order of their filters, so that most are new.
      const bool known = !e.subscriptions.empty() && s.filter <= e.subscriptions.back().filter &&
                         std::any_of(e.subscriptions.begin(), e.subscriptions.end(),
                                     [&](const auto& k) { return k.filter == s.filter; });
      if (known) continue;
      context_.subscriptions.fetch_add(1);
      e.subscriptions.push_back(std::move(s));
    }
    return;
  }
  if (e.who && e.who->id() == record.id && e.life < record.life) {
    // It was awake elsewhere since, unseen from here.
    if (e.awake)
      tell(e.awake, kick{mqtt::reason_code::session_taken_over, false, false, false, true});
  } else if (e.who && e.who->id() == record.id) {
    // It is awake here. Its routes are this node's to tell from now on.
    e.who->epoch(owner_.epoch);
    e.who->moved_to(cluster::no_node);
    e.who->uncount();
    uncounted_.push_back(e.who);
    for (const auto& s : subscriptions) announce(e, s, true);
    return;
  }
  if (e.who && e.who->id() != record.id) {
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
  e.who->epoch(owner_.epoch);
  e.life = record.life;
  e.who->life(e.life);
  e.unclaimed = record.disconnected_at == 0;
  // Most likely it still is: a shared group must not choose another member for the moment until
  // its node has said so.
  e.who->online(e.unclaimed);
  uncounted_.push_back(e.who);
  context_.remote->sessions().put(e.who);
  context_.sessions.fetch_add(1);
  context_.durable_sessions.fetch_add(1);
  for (const auto& s : subscriptions) {
    announce(e, s, true);
    context_.subscriptions.fetch_add(1);
    if (topics::is_shared_prefix(s.filter)) context_.shared_subscriptions.fetch_add(1);
  }
  e.record() = std::move(record);
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

/// Whoever chooses among the members of its groups has to know whether its client is there.
void session_shard::announce_presence(const entry& e) {
  for (const auto& s : e.subscriptions)
    if (topics::is_shared_prefix(s.filter)) announce(e, s, true);
}

void session_shard::loaded() {
  loading_ = false;
  context_.remote->set_origins(shard_, std::exchange(origins_, nullptr));
  context_.remote->set_served(shard_, owner_.epoch);
  context_.front->serves_now(shard_);
  for (const auto& topics : context_.topic_shards)
    tell(topics, routes_announced{shard_, owner_.epoch});
  tell(context_.wildcard_index, routes_announced{shard_, owner_.epoch});
  for (auto& [from, frame] : std::exchange(claims_, {})) on_here(from, frame);
  for (auto& [client_id, e] : sessions_)
    if (e.awake && e.who->kept()) tell(e.awake, reread{});
  serve_openings();
  for (auto& [request, w] : std::exchange(route_changes_, {})) route_for_owner(std::move(w.change));
  read_early();
  count_next();
  arm();
}

void session_shard::serve_openings() {
  for (auto& [request, wanted] : std::exchange(openings_, {})) serve(std::move(wanted));
}

void session_shard::on_here(cluster::node_id from, const peer::SessionsHere& frame) {
  if (!is_owner() || frame.to_epoch() != owner_.epoch) return;
  // Some of it may have got lost with an earlier link: it is told anew.
  if (frame.pairing() != pairings_[from]) return;
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
      if (e.awake || claim.life() < e.life) {
        // Two claim it: the later one is it.
        send_stale(from, *e.who, claim.life());
        continue;
      }
      if (e.at != cluster::no_node) {
        send_stale(e.at, *e.who, e.life);
      } else {
        context_.sessions.fetch_sub(1);
        context_.durable_sessions.fetch_sub(1);
        context_.subscriptions.fetch_sub(e.subscriptions.size());
      }
      e.at = from;
      e.life = claim.life();
      e.who->life(e.life);
      e.unclaimed = false;
      e.who->stream(next_life());
      e.who->awake_at(from);
      e.who->online(claim.disconnected_at() == 0);
      announce_presence(e);
      e.subscriptions = {};
      e.drop_record();
      // From now on it hears of what comes; what came before it has to read.
      peer::SessionGrant known;
      known.set_session(id.value);
      known.set_awake(true);
      known.set_life(e.life);
      known.set_epoch(owner_.epoch);
      known.set_stream(e.who->stream());
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
      e.life = claim.life();
      e.who->life(e.life);
      e.who->awake_at(from);
      context_.remote->sessions().put(e.who);
      continue;
    }
    peer::SessionYield end;
    end.set_client_id(claim.client_id());
    end.set_session(claim.session());
    end.set_reason(static_cast<std::uint32_t>(mqtt::reason_code::session_taken_over));
    end.set_end(true);
    end.set_unknown(true);
    end.set_life(claim.life());
    end.set_epoch(owner_.epoch);
    context_.remote->send(from, frame_kind::session_yield, number(shard_), end);
  }
  if (!frame.last()) return;
  context_.front->claimed(shard_, owner_.epoch, from, frame.pairing());
  if (std::erase(silent_, from) != 0 && silent_.empty()) serve_openings();
}

void session_shard::tick() {
  std::vector<std::uint64_t> late;
  for (auto& [request, wanted] : openings_) {
    if (++wanted.age > patience) late.push_back(request);
    else if (!wanted.sent) send(request, wanted);
  }
  for (const auto request : late) {
    context_.count(counter::connects_refused_no_owner);
    refuse(openings_.at(request), mqtt::reason_code::server_unavailable);
    openings_.erase(request);
  }
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (++it->second.age <= patience) {
      ++it;
      continue;
    }
    context_.count(counter::connects_refused_busy);
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

}  // namespace troupe::broker
