// SUBSCRIBE, UNSUBSCRIBE and the retained messages that follow.

#include <algorithm>

#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/trace/session_trace.hpp"
#include "protocol/session/subscription_rules.hpp"
#include "protocol/topics/names.hpp"
#include "protocol/topics/seeded_hash.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

// Retained messages are read in pages, the next one when the client has taken
// most of the last.
constexpr std::uint32_t replay_page_size = 256;
constexpr std::size_t replay_low_water = 64;

}  // namespace

void session::on_subscribe(const mqtt::subscribe_packet& packet) {
  const auto token = next_token_++;
  change_in_progress change;
  change.connection = connection_;
  change.answer.id = packet.id;
  for (const auto& entry : packet.entries) {
    const auto reason = subscribe_one(entry, packet.subscription_id, token, change);
    if (reason == mqtt::reason_code::protocol_error)
      return disconnect(reason, "No Local on a shared subscription");
    change.answer.reasons.push_back(reason);
  }
  if (session_trace::on(*this)) session_trace::subscribe(*this, packet, change.answer);
  if (durable() && change.waiting > 0) {
    ++change.waiting;
    then({after_commit::kind::change, token, false});
    writes();
  }
  ++change.waiting;
  changes_.emplace(token, std::move(change));
  change_settled(token);
}

mqtt::reason_code session::subscribe_one(const mqtt::subscribe_entry& entry, std::uint32_t id,
                                         std::uint64_t token, change_in_progress& change) {
  const auto granted = troupe::session::check_subscription(entry, limits_->max_topic_levels);
  if (mqtt::is_error(granted)) return granted;
  const auto shared = topics::parse_shared(entry.filter);
  const auto filter = shared ? shared->filter : std::string_view(entry.filter);
  const auto authorizer = context_.authorizer.get();
  const bool allowed =
      !authorizer || authorizer->may_subscribe(identity(), filter);
  context_.count(allowed ? counter::authorization_allow : counter::authorization_deny);
  if (!allowed) return mqtt::reason_code::not_authorized;
  const auto known = subscriptions_.find(entry.filter);
  const bool is_new = known == subscriptions_.end();
  if (is_new && subscriptions_.size() >= limits_->max_subscriptions)
    return mqtt::reason_code::quota_exceeded;

  // A subscription that is kept needs the owner of the session's shard.
  if (durable() && kept_out_of_reach()) return mqtt::reason_code::quota_exceeded;

  const held_subscription terms{entry.options, id};
  if (is_new) {
    context_.subscriptions.fetch_add(1);
    if (shared) context_.shared_subscriptions.fetch_add(1);
  }
  context_.count(counter::subscriptions_made);
  subscriptions_.insert_or_assign(entry.filter, terms);
  ++change.waiting;
  const auto number = static_cast<std::uint32_t>(change.answer.reasons.size());
  change_route(true, entry.filter, terms, token, number);
  if (durable()) writes().put_subscription(who_->id(), {entry.filter, entry.options, id});
  const auto handling = entry.options.retain;
  // [MQTT-4.8.2, 3.3.1-9 to 11]: shared subscriptions get no retained messages.
  if (!shared && (handling == mqtt::retain_handling::send ||
                  (handling == mqtt::retain_handling::send_if_new && is_new)))
    change.replays.push_back({entry.filter, terms, number, {}, {}});
  return granted;
}

void session::on_unsubscribe(const mqtt::unsubscribe_packet& packet) {
  const auto token = next_token_++;
  change_in_progress change;
  change.connection = connection_;
  change.answer.unsubscribe = true;
  change.answer.id = packet.id;
  for (const auto& filter : packet.filters) {
    auto it = subscriptions_.find(filter);
    if (!topics::valid_subscription(filter)) {
      if (version_ != mqtt::protocol_version::v5)
        return disconnect(mqtt::reason_code::protocol_error, "Invalid topic filter");
      change.answer.reasons.push_back(mqtt::reason_code::topic_filter_invalid);
      continue;
    }
    if (it == subscriptions_.end()) {
      change.answer.reasons.push_back(mqtt::reason_code::no_subscription_existed);
      continue;
    }
    ++change.waiting;
    change_route(false, filter, it->second, token, 0);
    if (durable()) writes().erase_subscription(who_->id(), filter);
    context_.subscriptions.fetch_sub(1);
    if (topics::is_shared_prefix(filter)) context_.shared_subscriptions.fetch_sub(1);
    context_.count(counter::subscriptions_removed);
    replays_.erase_if([&](const replay& r) { return r.filter == filter; });
    subscriptions_.erase(it);
    change.answer.reasons.push_back(mqtt::reason_code::success);
  }
  if (session_trace::on(*this)) session_trace::unsubscribe(*this, packet, change.answer);
  if (durable() && change.waiting > 0) {
    ++change.waiting;
    then({after_commit::kind::change, token, false});
  }
  ++change.waiting;
  changes_.emplace(token, std::move(change));
  change_settled(token);
}

void session::change_route(bool add, const std::string& filter, const held_subscription& terms,
                           std::uint64_t token, std::uint32_t entry) {
  route_change change;
  change.add = add;
  const auto shared = topics::parse_shared(filter);
  change.filter = shared ? std::string(shared->filter) : filter;
  if (shared) change.share = filter;
  change.what = {who_, terms.options, terms.subscription_id};
  change.token = token;
  change.entry = entry;
  if (token != 0) change.answer_to = strong(*this);
  context_.change_route(std::move(change));
}

void session::on_route_changed(const route_changed& changed) {
  if (auto it = changes_.find(changed.token); it != changes_.end()) {
    for (auto& r : it->second.replays)
      if (r.entry == changed.entry) r.seen_by = changed.versions;
  }
  change_settled(changed.token);
}

void session::change_settled(std::uint64_t token) {
  auto it = changes_.find(token);
  if (it == changes_.end() || --it->second.waiting > 0) return;
  auto change = std::move(it->second);
  changes_.erase(it);
  if (device_ == nullptr || change.connection != connection_) return;
  send(change.answer);
  for (auto& r : change.replays) replays_.push_back(std::move(r));
}

void session::continue_replay() {
  if (replaying_ || device_ == nullptr || !device_->writable() ||
      outbound_.queued() > replay_low_water || owed().messages > 2 * replay_page_size)
    return;
  replaying_ = true;
  const auto& next = replays_.front();
  context_.store.read_retained(
      next.filter, next.cursor, replay_page_size, now(),
      [self = strong(*this), this](storage::retained_page page) {
        auto kept = std::make_shared<storage::retained_page>(std::move(page));
        tell(self, deferred{[this, kept] { replay_page(std::move(*kept)); }});
      });
}

void session::replay_page(storage::retained_page page) {
  if (page.failed) return try_again_later([this] { replaying_ = false; });
  replaying_ = false;
  if (replays_.empty() || device_ == nullptr) return replayed_on(0);
  // An UNSUBSCRIBE may have taken the replay that this page was read for.
  auto& front = replays_.front();
  for (const auto& message : page.messages) {
    const auto& matched = message.matched;
    const bool came_live =
        std::any_of(front.seen_by.begin(), front.seen_by.end(), [&](const auto& v) {
          return matched.run == v.run && matched.number >= v.number;
        });
    const auto topic = message.body->topic();
    if (!came_live && !outdated(topic) && topics::matches(front.filter, topic))
      offer_retained(message.body, front.terms);
  }
  replayed_on(0);
  if (page.next.empty())
    replays_.pop_front();
  else
    front.cursor = std::move(page.next);
}

bool session::outdated(std::string_view topic) const {
  return newer_came_ && newer_came_->contains(topics::seeded_hash(topic));
}

void session::note_newer(std::string_view topic) {
  if (!replaying_ && replays_under_way_ == 0) return;
  if (!newer_came_) newer_came_ = std::make_unique<std::unordered_set<std::uint64_t>>();
  newer_came_->insert(topics::seeded_hash(topic));
}

void session::replayed_on(std::size_t count) {
  replays_under_way_ -= static_cast<std::uint32_t>(
      std::min<std::size_t>(count, replays_under_way_));
  if (!replaying_ && replays_under_way_ == 0) newer_came_.reset();
}

void session::offer_retained(const mqtt::message_ptr& message, const held_subscription& terms) {
  if (terms.options.no_local && message->publisher() == who_->id().value) return;
  const auto authorizer = context_.authorizer.get();
  if (authorizer && !authorizer->may_receive(identity(), message->topic())) {
    if (context_.traced())
      session_trace::dropped(*this, *message, troupe::session::drop_reason::not_authorized);
    return;
  }
  const auto level = std::min(message->level(), terms.options.maximum_qos);
  troupe::session::subscription_ids ids;
  if (terms.subscription_id != 0) ids.push_back(terms.subscription_id);
  if (durable() && level != mqtt::qos::at_most_once) {
    // Committed as owed by its topic shard, in order with newer ones of the topic.
    auto& item = item_for(*message);
    item.token = replay_token;
    ++replays_under_way_;
    item.directed = std::make_unique<direction>(direction{who_, level, true, std::move(ids)});
    return;
  }
  troupe::session::delivery d;
  d.body = message;
  d.level = level;
  d.retain = true;  // [MQTT-3.3.1-8]
  d.subscription_ids = std::move(ids);
  outbound_.offer(std::move(d), now(), *this, true);
}

/// Shared subscriptions prefer members with a client, on every node.
void session::announce_presence() {
  if (context_.remote == nullptr) return;
  for (const auto& [filter, terms] : subscriptions_)
    if (topics::is_shared_prefix(filter)) change_route(true, filter, terms, 0, 0);
}

/// What waits for a clean session is in its memory alone: its groups do without it while that is
/// full, and until half of it is gone.
void session::note_room() {
  const bool was = who_->full();
  const auto most = was ? limits_->max_queued_messages / 2 : limits_->max_queued_messages;
  const auto most_bytes = was ? limits_->max_queued_bytes / 2
                              : limits_->max_queued_bytes - limits_->max_queued_bytes / 8;
  const bool full = outbound_.queued() >= std::max(most, 1U) ||
                    outbound_.queued_bytes() >= std::max<std::uint64_t>(most_bytes, 1);
  if (full == was) return;
  who_->full(full);
  if (phase_ == phase::active) announce_presence();
}

void session::drop_routes() {
  for (const auto& [filter, terms] : subscriptions_) {
    change_route(false, filter, terms, 0, 0);
    context_.subscriptions.fetch_sub(1);
    if (topics::is_shared_prefix(filter)) context_.shared_subscriptions.fetch_sub(1);
  }
  context_.count(counter::subscriptions_removed, subscriptions_.size());
  subscriptions_.clear();
}

}  // namespace troupe::broker
