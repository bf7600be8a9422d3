// The end of a session, and its sleep.

#include <algorithm>

#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/trace/session_trace.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/topics/names.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

constexpr std::uint32_t hand_over_page = 256;
constexpr std::uint32_t hand_over_page_in_cluster = 32;
constexpr std::uint64_t hand_over_bytes = 1ULL << 20;

}  // namespace

void session::on_kick(const kick& order) {
  if (phase_ == phase::ending || phase_ == phase::resting) return;
  if (order.unknown && begin_anew(0)) return;
  if (order.stale) return vanish(order.reason);
  if (!order.send_will) will_.reset();
  if (phase_ == phase::loading && order.end_session) {
    // What is under way must be known before it is handed to others.
    end_when_loaded_ = true;
    return load();
  }
  const bool was_connected = connected_;
  disconnect(order.reason, mqtt::to_string(order.reason));
  if (order.yield) yielding_ = true;
  if (was_connected) {
    if (context_.client_event)
      context_.client_event(false, client_id(), username_, {}, mqtt::to_string(order.reason));
    say_farewell(mqtt::to_string(order.reason));
    go_offline();
  }
  if (order.end_session || expiry_ == 0) {
    context_.count(counter::sessions_discarded);
    return end();
  }
  if (!was_connected) return;
  disconnected_at_ = now();
  // A client that was sent elsewhere is not in trouble, and will be back soon. Its will
  // is not deleted for that [MQTT-3.1.2-8], but as at a shutdown of the server its
  // publication is deferred [3.1.2.5]: a delay like the one that a client may ask for,
  // which ends with the session at the latest, and the connection to come cancels it.
  if (will_) will_->delay = std::max(will_->delay, order.will_grace);
  if (will_ && will_->delay == 0) publish_will();
  writes().put_session(record(disconnected_at_));
  plan_offline_timer();
}

void session::on_shut_down() {
  if (phase_ == phase::ending || phase_ == phase::resting) return;
  const auto recorded = outbound_.unrecorded();
  const bool was_connected = connected_;
  on_kick({mqtt::reason_code::server_shutting_down, false, true});
  cancel_timer();
  if (phase_ == phase::ending) return;
  for (const auto& x : recorded) writes().put_outgoing(who_->id(), {x.id, x.order, x.released});
  if (was_connected) writes().put_session(record(now()));
}

void session::end() {
  cancel_timer();
  phase_ = phase::ending;
  who_->end();
  if (clean_goodbye_) will_.reset();
  publish_will();
  if (auto begun = outbound_.abandon(*this); !begun.empty())
    rare().under_way = std::move(begun);
  const bool shared = std::any_of(subscriptions_.begin(), subscriptions_.end(), [](const auto& s) {
    return topics::is_shared_prefix(s.first);
  });
  drop_routes();
  who_->actor(nullptr);
  if (!stored_ || !shared || context_.stopping.load()) return finish_end();
  if (context_.remote == nullptr) return hand_over();
  // It ends because an owner of its shard said so, which may be none any more: others get what it
  // leaves only when its end is on record.
  auto over = record(now());
  over.expiry = 0;
  writes().put_session(over);
  then({after_commit::kind::ending, 0, false});
}

void session::hand_over() {
  flush();
  context_.store.read_owed(
      who_->id(), rare().handed_through,
      context_.remote == nullptr ? hand_over_page : hand_over_page_in_cluster, hand_over_bytes,
      [self = strong(*this), this](storage::owed_page page) {
        auto kept = std::make_shared<storage::owed_page>(std::move(page));
        tell(self, deferred{[this, kept] { handed_page(*kept); }});
      });
}

void session::handed_page(storage::owed_page& page) {
  if (page.failed) return try_again_later([this] { hand_over(); });
  for (auto& m : page.messages) {
    rare().handed_through = m.place.order;
    if (m.entry.share.empty()) continue;
    // [MQTT-4.8.2-5]: QoS 2 that was begun with this client is for nobody else.
    if (m.entry.level == mqtt::qos::exactly_once &&
        std::find(rare().under_way.begin(), rare().under_way.end(), m.place.order) != rare().under_way.end())
      continue;
    troupe::session::delivery d;
    d.body = m.body;
    d.share = std::make_shared<const std::string>(std::move(m.entry.share));
    d.stored = m.place;
    second_choice_for(d).token = hand_over_token | rare().handed.size();
    rare().handed.push_back({m.place, m.body->footprint()});
    ++rare().handing_over;
    // The next one with an origin only when this one is taken: what is refused comes again, and
    // would be passed over behind it.
    if (context_.remote != nullptr && m.body->level() == mqtt::qos::exactly_once) break;
  }
  if (rare().handing_over > 0) return;  // goes on when they are safe elsewhere
  if (page.messages.empty()) return finish_end();
  hand_over();
}

void session::handed_on(const publish_outcomes& outcomes) {
  for (const auto& [token, reason] : outcomes) {
    const auto place = static_cast<std::size_t>(token & ~hand_over_token);
    if (place >= rare().handed.size()) continue;
    rare().handing_over -= std::min<std::size_t>(rare().handing_over, 1);
    // On one node the topic shard settled it, with the message.
    if (context_.remote == nullptr) continue;
    if (mqtt::is_error(reason))
      rare().handed_through = std::min(rare().handed_through, rare().handed[place].place.order - 1);
    else
      settle(rare().handed[place].place, rare().handed[place].bytes);
  }
  if (rare().handing_over != 0) return;
  rare().handed.clear();
  hand_over();
}

void session::finish_end() {
  if (stored_) {
    writes().erase_session(who_->id(), client_id());
    context_.durable_sessions.fetch_sub(1);
  }
  end_told_ = true;
  tell(shard_, session_ended{who_->id(), client_id(), strong(*this)});
  for (auto& waiting : waiting_) tell(shard_, reopen{waiting});
  waiting_.clear();
}

void session::rest() {
  for (const auto& x : outbound_.unrecorded())
    writes().put_outgoing(who_->id(), {x.id, x.order, false});
  flush();  // before whoever wakes it can read
  cancel_timer();
  phase_ = phase::resting;
  session_resting message{strong(*this), {}, record(disconnected_at_), {}};
  if (last_) message.last = std::make_shared<farewell>(*last_);
  for (const auto& [filter, terms] : subscriptions_)
    message.subscriptions.push_back({filter, terms.options, terms.subscription_id});
  who_->actor(nullptr);
  context_.count(counter::sessions_passivated);
  tell(shard_, std::move(message));
}

/// Another node waits for it: the sooner it rests the better, but nothing that
/// is under way may be left behind.
void session::yield_when_idle() {
  if (phase_ != phase::active || connected_) return;
  if (commits_under_way_ != 0 || inbound_.pending() != 0 || !outbound_.settled()) return;
  yielding_ = false;
  rest();
  flush();
}

/// A new session that was granted by an owner of its shard that is none any more, before anything of
/// it was kept: its CONNECT goes to the next owner, once, as soon as that is known here. Answers
/// whether it does.
bool session::begin_anew(std::uint64_t with_epoch) {
  // The directory of an owner would lose one that was there before.
  if (context_.remote == nullptr || !fresh_ || !order_ || device_ == nullptr || order_->anew ||
      !waiting_.empty())
    return false;
  order_->anew = true;
  order_->not_before = with_epoch;
  waiting_.push_back(std::move(order_));
  device_ = nullptr;
  vanish(mqtt::reason_code::success);
  return true;
}

/// It lives on elsewhere: nothing more is written, or said of it.
void session::vanish(mqtt::reason_code reason) {
  disconnect(reason, mqtt::to_string(reason));
  if (connected_) {
    if (session_trace::on(*this)) session_trace::gone(*this, mqtt::to_string(reason));
    if (context_.client_event)
      context_.client_event(false, client_id(), username_, {}, mqtt::to_string(reason));
    go_offline();
  }
  cancel_timer();
  will_.reset();
  pending_.reset();
  phase_ = phase::ending;
  end_told_ = true;
  who_->actor(nullptr);
  for (const auto& [filter, terms] : subscriptions_) {
    context_.subscriptions.fetch_sub(1);
    if (topics::is_shared_prefix(filter)) context_.shared_subscriptions.fetch_sub(1);
  }
  subscriptions_.clear();
  if (stored_) context_.durable_sessions.fetch_sub(1);
  tell(shard_, session_ended{who_->id(), client_id(), strong(*this), true});
  for (auto& waiting : std::exchange(waiting_, {})) tell(shard_, reopen{waiting});
}

std::int64_t session::expires_at() const {
  if (connected_ || expiry_ == mqtt::expires_never || disconnected_at_ == 0) return INT64_MAX;
  return disconnected_at_ + std::int64_t{expiry_} * 1000;
}

void session::plan_offline_timer() {
  auto at = disconnected_at_ + limits_->passivation_delay_ms;
  // A session that owes a will stays awake until the will is sent.
  if (will_) at = disconnected_at_ + std::int64_t{will_->delay} * 1000;
  at = std::max(std::min(at, expires_at()), now() + 100);
  auto& loop = *runtime::run_loop::current();
  loop.timers().schedule(*this, loop.now() + (at - now()));
}

void session::on_timer() {
  later([this] { offline_timer_fired(); });
}

void session::offline_timer_fired() {
  if (phase_ != phase::active || connected_) return;
  const auto time = now();
  if (time >= expires_at()) {
    context_.count(counter::sessions_expired);
    return end();
  }
  if (will_ && time >= disconnected_at_ + std::int64_t{will_->delay} * 1000) {
    publish_will();
    writes().put_session(record(disconnected_at_));
  }
  const bool idle = commits_under_way_ == 0 && inbound_.pending() == 0 && outbound_.settled();
  const bool due = time >= disconnected_at_ + limits_->passivation_delay_ms;
  if (!will_ && due && idle && !context_.stopping.load()) return rest();
  plan_offline_timer();
}

void session::publish_will() {
  if (!will_) return;
  auto will = std::move(*will_);
  will_.reset();
  const auto authorizer = context_.authorizer.get();
  const bool allowed = !authorizer || authorizer->may_publish(identity(), will.topic);
  if (!allowed && !context_.traced()) return;
  mqtt::message::fields f;
  f.topic = will.topic;
  f.payload = will.payload;
  f.properties = will.properties;
  f.level = will.level;
  f.retain = will.retain;
  f.received_at = now();
  if (will.expiry) f.expires_at = f.received_at + std::int64_t{*will.expiry} * 1000;
  f.publisher = who_->id().value;
  const auto message = mqtt::message::make(f);
  if (context_.traced()) session_trace::will(*this, *message, allowed);
  if (!allowed) return;
  context_.count(counter::wills_sent);
  auto& item = item_for(*message);
  item.token = 0;
  count_aside(item, 0);
}

}  // namespace troupe::broker
