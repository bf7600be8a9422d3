#include "actors/broker/session_shard.hpp"

#include <algorithm>

#include <caf/system_messages.hpp>

#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/topics/names.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

constexpr std::int64_t sweep_interval_ms = 1'000;

}  // namespace

session_shard::session_shard(caf::actor_config& cfg, broker_context& context, shard_id shard,
                             std::uint64_t next_count)
    : lean_actor(cfg), context_(context), next_count_(next_count), shard_(shard) {
  if (context_.remote != nullptr) next_request_ = context_.remote->first_request();
}

void session_shard::receive(caf::mailbox_element& m) {
  if (context_.released()) return;
  if (auto* request = runtime::mutable_payload<open_session>(m)) {
    open(request->order);
  } else if (context_.remote != nullptr && receive_remote(m)) {
    return;
  } else if (auto* over = runtime::mutable_payload<session_ended>(m)) {
    ended(*over);
  } else if (auto* sleepy = runtime::mutable_payload<session_resting>(m)) {
    resting(*sleepy);
  } else if (auto* again = runtime::mutable_payload<reopen>(m)) {
    open(again->order);
  } else if (auto* work = runtime::mutable_payload<deferred>(m)) {
    work->run();
  } else if (auto* down = runtime::mutable_payload<caf::down_msg>(m)) {
    failed(*down);
  } else if (runtime::mutable_payload<wake_session>(m) != nullptr) {
    for (const auto& client_id : due_wills_)
      if (auto it = sessions_.find(client_id); it != sessions_.end() && !it->second.awake) {
        wake_up(it->second, loop().index());
        tell(it->second.awake, wake_session{});
      }
    due_wills_.clear();
    for (auto& e : std::exchange(superseded_, {})) discard(e);
    count_next();
    arm();
  } else if (auto* full = runtime::mutable_payload<trim_queue>(m)) {
    trim(full->whose);
  } else if (runtime::mutable_payload<shut_down>(m) != nullptr) {
    if (scheduled()) home()->timers().cancel(*this);
    for (auto& [id, e] : sessions_) tell(e.awake, shut_down{});
  }
}

session_shard::figures session_shard::look() const {
  figures sum;
  for (const auto& [client_id, e] : sessions_) {
    if (e.who->durable()) {
      sum.owed += e.who->owed();
      sum.owed_bytes += e.who->owed_bytes();
    }
    if (!e.awake) {
      ++sum.asleep;
      continue;
    }
    const auto* actor =
        static_cast<lean_actor*>(caf::actor_cast<caf::abstract_actor*>(e.awake));
    const std::uint64_t depth = actor->mailbox_depth();
    sum.mailbox += depth;
    sum.deepest = std::max(sum.deepest, depth);
  }
  return sum;
}

void session_shard::on_exit(const caf::error& reason) {
  if (scheduled() && home() == runtime::run_loop::current()) home()->timers().cancel(*this);
  sessions_.clear();
  lean_actor::on_exit(reason);
}

// --- connections ---------------------------------------------------------------

void session_shard::open(const connect_order_ptr& order) {
  order->sequence = next_sequence_++;
  if (context_.remote != nullptr) return open_in_cluster(order);
  open_here(order);
}

void session_shard::open_here(const connect_order_ptr& order) {
  const auto& packet = order->packet;
  auto it = sessions_.find(packet.client_id);
  if (it != sessions_.end() && packet.clean_start) {
    discard(it->second);
    sessions_.erase(it);
    it = sessions_.end();
  }
  if (it == sessions_.end()) {
    it = sessions_.try_emplace(packet.client_id).first;
    const bool durable = packet.session_expiry != 0;
    it->second.who = new subscriber(session_id(shard_, next_count_++), durable, false, packet.client_id);
    session_birth birth;
    birth.who = it->second.who;
    context_.sessions.fetch_add(1);
    if (context_.remote != nullptr) context_.remote->sessions().put(it->second.who);
    start(it->second, std::move(birth), order->loop);
  } else if (!it->second.awake) {
    wake_up(it->second, order->loop);
  }
  if (context_.remote != nullptr && is_owner()) {
    it->second.life = next_life();
    it->second.who->life(it->second.life);
    it->second.who->epoch(owner_.epoch);
  }
  tell(it->second.awake, attach_client{order});
}

void session_shard::start(entry& e, session_birth birth, unsigned loop) {
  birth.shard = context_.session_shards[number(shard_)];
  auto& home = context_.loops.loop(loop);
  auto handle = runtime::spawn_lean<session>(context_.system, &home, context_, std::move(birth));
  e.awake = caf::actor_cast<caf::strong_actor_ptr>(handle);
  e.who->actor(e.awake);
  monitor(handle);
}

void session_shard::wake_up(entry& e, unsigned loop) {
  session_birth birth;
  birth.who = e.who;
  birth.woken = true;
  birth.record = std::move(e.record());
  e.drop_record();
  birth.subscriptions = std::move(e.subscriptions);
  birth.last = std::move(e.last);
  e.subscriptions = {};
  if (context_.remote != nullptr && is_owner()) {
    e.life = next_life();
    e.who->life(e.life);
  }
  start(e, std::move(birth), loop);
}

void session_shard::discard(entry& e) {
  if (e.at != cluster::no_node) return discard_elsewhere(e);
  // What it was owed goes to other members of its groups first.
  if (!e.awake && in_shared_group(e)) wake_up(e, loop().index());
  if (e.awake) {
    // It answers with session_ended; the new one does not wait for that.
    tell(e.awake, kick{mqtt::reason_code::session_taken_over, true, true});
  } else {
    context_.count(counter::sessions_discarded);
    erase_sleeping(e);
  }
}

void session_shard::trim(const subscriber_ptr& whose) {
  auto it = sessions_.find(whose->client_id());
  if (it == sessions_.end() || it->second.who != whose) return;
  if (it->second.at != cluster::no_node) return trim_elsewhere(it->second);
  if (it->second.reading) return whose->trimmed();
  if (!it->second.awake) wake_up(it->second, loop().index());
  tell(it->second.awake, trim_queue{whose});
}

bool session_shard::in_shared_group(const entry& e) {
  return std::any_of(e.subscriptions.begin(), e.subscriptions.end(),
                     [](const auto& s) { return topics::is_shared_prefix(s.filter); });
}

// --- the end of sessions ----------------------------------------------------------

void session_shard::erase_sleeping(entry& e) {
  e.who->end();
  if (context_.remote != nullptr) context_.remote->sessions().erase(e.who);
  for (const auto& s : e.subscriptions) {
    route_change change;
    change.add = false;
    const auto shared = topics::parse_shared(s.filter);
    change.filter = shared ? std::string(shared->filter) : s.filter;
    if (shared) change.share = s.filter;
    change.what.who = e.who;
    context_.change_route(std::move(change));
    context_.subscriptions.fetch_sub(1);
    if (shared) context_.shared_subscriptions.fetch_sub(1);
  }
  storage::transaction writes;
  writes.erase_session(e.who->id(), e.record().client_id);
  context_.store.commit(std::move(writes), [](const storage::commit_result&) {});
  context_.sessions.fetch_sub(1);
  context_.durable_sessions.fetch_sub(1);
}

void session_shard::ended(const session_ended& message) {
  auto it = sessions_.find(message.client_id);
  std::uint64_t life = 0;
  // A stale one may have been replaced already.
  if (it != sessions_.end() && it->second.who->id() == message.id &&
      (!message.stale || it->second.awake == message.actor)) {
    life = it->second.life;
    if (context_.remote != nullptr) context_.remote->sessions().erase(it->second.who);
    sessions_.erase(it);
  }
  context_.sessions.fetch_sub(1);
  tell(message.actor, forget{});
  if (context_.remote != nullptr && !message.stale) ended_in_cluster(message, life);
}

void session_shard::resting(session_resting& message) {
  auto it = sessions_.find(message.record.client_id);
  if (it != sessions_.end() && it->second.awake == message.actor) {
    it->second.awake = nullptr;
    it->second.record() = std::move(message.record);
    it->second.subscriptions = std::move(message.subscriptions);
    if (message.last) it->second.last = std::make_unique<farewell>(std::move(*message.last));
    if (context_.remote != nullptr)
      rested_in_cluster(it->first);
    else
      plan_expiry(it->second);
  }
  tell(message.actor, forget{});
}

void session_shard::failed(const caf::down_msg& down) {
  if (down.reason == caf::exit_reason::normal || down.reason == caf::exit_reason::user_shutdown)
    return;
  // A session that throws is a fault of ours. What it was owed stands in the
  // store; a client without durable state begins anew.
  for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
    auto& e = it->second;
    if (!e.awake || e.awake->address() != down.source) continue;
    ++restarts_;
    observe::log_event(observe::log_module::session, observe::log_level::error,
                       "A session failed and is restarted", {{"client", it->first}});
    e.who->actor(nullptr);
    e.who->online(false);
    e.awake = nullptr;
    if (!e.who->durable()) {
      e.who->end();
      context_.sessions.fetch_sub(1);
      sessions_.erase(it);
      return;
    }
    e.record().id = e.who->id();
    e.record().client_id = it->first;
    e.record().expiry = mqtt::expires_never;
    e.record().disconnected_at = loop().wall();
    return;
  }
}

// --- sessions asleep -----------------------------------------------------------

void session_shard::restore(storage::session_record record,
                            std::vector<storage::subscription_record> subscriptions,
                            std::int64_t now) {
  // Zero: it was connected when the node stopped without a word.
  const bool lost = record.disconnected_at == 0;
  if (lost) record.disconnected_at = now;
  entry e;
  e.who = new subscriber(record.id, true, true, record.client_id);
  uncounted_.push_back(e.who);
  for (const auto& s : subscriptions) {
    route_change change;
    const auto shared = topics::parse_shared(s.filter);
    change.filter = shared ? std::string(shared->filter) : s.filter;
    if (shared) change.share = s.filter;
    change.what = {e.who, s.options, s.subscription_id};
    context_.change_route(std::move(change));
    context_.subscriptions.fetch_add(1);
    if (shared) context_.shared_subscriptions.fetch_add(1);
  }
  const auto client_id = record.client_id;
  if (record.will) due_wills_.push_back(client_id);
  if (lost) {
    storage::transaction writes;
    writes.put_session(record);
    context_.store.commit(std::move(writes), [](const storage::commit_result&) {});
  }
  e.record() = std::move(record);
  e.subscriptions = std::move(subscriptions);
  plan_expiry(e);
  auto& place = sessions_[client_id];
  // The node died between a clean start and the end of the session before it.
  if (place.who && e.who->id() < place.who->id()) std::swap(place, e);
  if (place.who) superseded_.push_back(std::move(place));
  place = std::move(e);
  context_.sessions.fetch_add(1);
  context_.durable_sessions.fetch_add(1);
}

void session_shard::count_next() {
  while (!uncounted_.empty() && !context_.stopping.load()) {
    auto who = std::move(uncounted_.back());
    uncounted_.pop_back();
    if (who->counted() || who->ended()) continue;
    const auto id = who->id();
    context_.store.read_contents(
        id, [self = strong(*this), this, who](const storage::session_contents& contents) {
          // A session that woke meanwhile has counted itself, before it settled anything.
          if (!contents.failed) who->found(contents.queued, contents.queued_bytes);
          tell(self, deferred{[this] { count_next(); }});
        });
    return;
  }
  uncounted_.clear();
}

void session_shard::plan_expiry(const entry& e) {
  if (e.record().expiry == mqtt::expires_never) return;
  expiries_.push({e.record().disconnected_at + std::int64_t{e.record().expiry} * 1000, e.who->id(),
                  e.record().client_id});
}

void session_shard::expire() {
  const auto now = loop().wall();
  while (!expiries_.empty() && expiries_.top().at <= now) {
    const auto due = expiries_.top();
    expiries_.pop();
    auto it = sessions_.find(due.client_id);
    // It may have come back, or gone, since this was planned.
    if (it == sessions_.end() || it->second.awake || it->second.who->id() != due.id) continue;
    if (it->second.at != cluster::no_node || it->second.reading) continue;
    const auto& r = it->second.record();
    if (r.disconnected_at + std::int64_t{r.expiry} * 1000 > now) continue;
    if (in_shared_group(it->second)) {
      wake_up(it->second, loop().index());
      tell(it->second.awake, wake_session{});
      continue;
    }
    context_.count(counter::sessions_expired);
    erase_sleeping(it->second);
    sessions_.erase(it);
  }
  arm();
}

void session_shard::on_timer() {
  tell(strong(*this), deferred{[this] { expire(); }});
}

void session_shard::arm() {
  if (scheduled() || context_.stopping.load()) return;
  home()->timers().schedule(*this, home()->now() + sweep_interval_ms);
}

}  // namespace troupe::broker
