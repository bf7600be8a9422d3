#include "actors/broker/topic_shard.hpp"

#include <algorithm>

#include "actors/broker/tell.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

// Receivers of one message that are worth a list and an encoding of their own.
constexpr std::size_t fan_out_from = 4;
constexpr std::size_t kept_parcels = 64;

/// Nothing is owed to it and nothing but the message itself is for it.
bool on_plain_terms(const receiver& r) {
  return !r.who->ended() && !r.who->durable() && !r.retain && !r.share &&
         r.subscription_ids.empty();
}

}  // namespace

topic_shard::topic_shard(caf::actor_config& cfg, broker_context& context, shard_id shard,
                         std::uint64_t next_offset)
    : lean_actor(cfg),
      context_(context),
      matcher_(context),
      next_offset_(next_offset),
      shard_(shard) {}

void topic_shard::receive(caf::mailbox_element& m) {
  if (auto* request = runtime::mutable_payload<publish_request>(m)) {
    publish(std::move(request->batch));
  } else if (auto* done = runtime::mutable_payload<commit_done>(m)) {
    committed(*done);
  } else if (auto* change = runtime::mutable_payload<route_change>(m)) {
    matcher_.apply(*change);
    const auto version = context_.wildcards.exact_changed();
    if (change->token != 0)
      tell(change->answer_to, route_changed{change->token, change->entry, version});
  }
}

void topic_shard::publish(const std::shared_ptr<publish_batch>& keep) {
  auto& batch = *keep;
  storage::transaction writes;
  commitment pending;
  auto now = std::move(now_);
  const bool several = batch.items.size() > 1;
  last_match_.checked = false;
  publish_outcome outcome;
  for (auto& item : batch.items) {
    const auto before = writes.size();
    publish_one(item, several, batch.from, writes, pending, now);
    if (item.token == 0) continue;
    const auto reason = to_->empty() ? mqtt::reason_code::no_matching_subscribers
                                     : mqtt::reason_code::success;
    // What nothing was written for is answered now, the rest when it is safe.
    auto& answers = writes.size() == before ? outcome.outcomes : pending.outcomes;
    answers.emplace_back(item.token, reason);
  }
  // Before anyone hears of it: who then reads the store finds what was retained.
  if (!writes.empty()) commit(std::move(writes), std::move(pending), keep);
  hand_out(now);
  now.clear();
  if (now.capacity() <= kept_parcels) now_ = std::move(now);
  if (!outcome.outcomes.empty()) tell(batch.answer_to, std::move(outcome));
}

void topic_shard::commit(storage::transaction writes, commitment pending,
                         std::shared_ptr<publish_batch> batch) {
  pending.batch = std::move(batch);
  pending.orders = writes.orders();
  const auto number = next_commitment_++;
  commitments_.emplace(number, std::move(pending));
  context_.store.commit(std::move(writes),
                        [self = strong(*this), number](const storage::commit_result& result) {
                          tell(self, commit_done{number, result.ok, result.first_order});
                        });
}

void topic_shard::publish_one(publish_item& item, bool several, session_id from,
                              storage::transaction& writes, commitment& pending,
                              std::vector<parcel>& now) {
  const auto& message = *item.body;
  if (item.received != 0) writes.put_received(from, item.received);
  if (item.declined && item.declined->stored) {
    writes.settle(item.declined->declined_by->id(), item.declined->stored);
  }
  find_receivers(item, several);
  if (message.retain() && !item.directed && !item.declined) keep_retained(message, writes);
  if (to_->empty()) {
    // What the node tells of itself is no loss.
    if (from != session_id{}) context_.count(counter::messages_dropped_no_subscribers);
    return;
  }
  if (to_ == last_match_.alike.get()) return fan(item, now);
  const auto kept = owe(item, writes, pending);
  if (kept == to_->size()) return;
  for (const auto& r : *to_) {
    if (r.who->durable() && r.level != mqtt::qos::at_most_once) continue;
    if (!r.who->online()) continue;  // QoS 0 for a session without a client
    troupe::session::delivery d;
    d.body = item.body;
    d.level = r.level;
    d.retain = r.retain;
    d.subscription_ids = r.subscription_ids;
    d.share = r.share;
    parcel_for(now, r.who).messages.push_back(std::move(d));
  }
}

void topic_shard::fan(const publish_item& item, std::vector<parcel>& now) {
  auto& c = last_match_;
  if (now.empty() || now.back().receivers != c.alike)
    now.push_back({nullptr, {}, c.alike, std::make_shared<fan_out>()});
  now.back().alike->add(item.body);
}

void topic_shard::find_receivers(publish_item& item, bool several) {
  if (item.directed) {
    auto& d = *item.directed;
    found_.clear();
    to_ = &found_;
    if (!d.to->ended())
      found_.push_back({d.to, d.level, d.retain, std::move(d.subscription_ids), nullptr});
  } else if (item.declined) {
    to_ = &found_;
    if (matcher_.rematch(*item.body, *item.declined->share, item.declined->declined_by->id(),
                         found_))
      context_.count(counter::messages_redispatched);
  } else {
    match(*item.body, several);
  }
}

void topic_shard::match(const mqtt::message& message, bool several) {
  auto& c = last_match_;
  if (c.valid && c.version == matcher_.version() && c.level == message.level() &&
      c.retain == message.retain() && c.publisher == message.publisher() &&
      c.topic == message.topic() && still_holds()) {
    to_ = c.alike ? c.alike.get() : &c.receivers;
    return;
  }
  c.alike = nullptr;
  c.version = matcher_.version();
  const auto before = matcher_.no_local();
  matcher_.match(message, c.receivers);
  to_ = &c.receivers;
  const auto skipped = matcher_.no_local() - before;
  if (skipped != 0) context_.count(counter::messages_dropped_no_local, skipped);
  // A publisher sends to the same topic many times in a row; groups choose for each message.
  c.valid = several && skipped == 0 &&
            std::none_of(c.receivers.begin(), c.receivers.end(),
                         [](const receiver& r) { return r.share != nullptr; });
  if (!c.valid) return;
  c.level = message.level();
  c.retain = message.retain();
  c.publisher = message.publisher();
  c.topic.assign(message.topic());
  c.checked = true;
  if (c.receivers.size() < fan_out_from || message.retain() ||
      !std::all_of(c.receivers.begin(), c.receivers.end(), on_plain_terms))
    return;
  c.alike = std::make_shared<const std::vector<receiver>>(std::move(c.receivers));
  to_ = c.alike.get();
}

/// Looks once in a batch: what the routes do not tell is how a session is now.
bool topic_shard::still_holds() {
  auto& c = last_match_;
  if (c.checked) return true;
  c.checked = true;
  if (c.alike) return std::all_of(c.alike->begin(), c.alike->end(), on_plain_terms);
  return std::none_of(c.receivers.begin(), c.receivers.end(),
                      [](const receiver& r) { return r.who->ended(); });
}

void topic_shard::keep_retained(const mqtt::message& message, storage::transaction& writes) {
  if (message.payload().empty()) {
    writes.erase_retained(shard_, message.topic());
    context_.count(counter::retained_cleared);
    return;
  }
  // Subscriptions that it was matched with got it now, later ones get it as retained.
  writes.put_retained(shard_, message, context_.limits.get()->max_retained_messages,
                      {context_.run_id, matcher_.matched_version()});
  context_.count(counter::retained_set);
}

std::uint32_t topic_shard::owe(const publish_item& item, storage::transaction& writes,
                               commitment& pending) {
  const bool any = std::any_of(to_->begin(), to_->end(), [](const receiver& r) {
    return r.level != mqtt::qos::at_most_once && r.who->durable();
  });
  if (!any) return 0;
  auto& owed = owed_;
  owed.clear();
  const auto bytes = item.body->footprint();
  if (const auto version = context_.limits.version(); !limits_ || version != limits_version_) {
    limits_ = context_.limits.get();
    limits_version_ = version;
  }
  const auto& limits = *limits_;
  for (const auto& r : *to_) {
    if (!r.who->durable() || r.level == mqtt::qos::at_most_once) continue;
    if (!r.who->has_room(bytes, limits.max_queued_messages, limits.max_queued_bytes)) {
      if (limits.full_queue == troupe::session::queue_policy::drop_newest) {
        context_.count(counter::messages_dropped_queue_full);
        continue;
      }
      if (r.who->ask_trim()) overfull_.push_back(r.who);
    }
    owed.push_back(&r);
  }
  if (owed.empty()) return 0;

  const storage::log_position at{shard_, next_offset_++};
  const bool sole = owed.size() == 1;
  if (!sole) writes.append(at, *item.body, static_cast<std::uint32_t>(owed.size()));
  for (const auto* r : owed) {
    const storage::owed_terms terms{r->level, r->retain, r->subscription_ids,
                                    r->share ? std::string_view(*r->share) : std::string_view{},
                                    static_cast<std::uint32_t>(bytes)};
    troupe::session::delivery d;
    d.stored = sole ? writes.owe(r->who->id(), terms, *item.body, at)
                    : writes.owe(r->who->id(), terms, at);
    r->who->owe(1, bytes);
    d.body = item.body;
    d.level = r->level;
    d.retain = r->retain;
    d.subscription_ids = r->subscription_ids;
    d.replayed = item.directed != nullptr;
    d.share = r->share;
    parcel_for(pending.parcels, r->who).messages.push_back(std::move(d));
  }
  pending.owed += owed.size();
  return static_cast<std::uint32_t>(owed.size());
}

void topic_shard::committed(const commit_done& done) {
  auto node = commitments_.extract(done.number);
  if (node.empty()) return;
  auto& commitment = node.mapped();
  if (done.ok) {
    for (auto& p : commitment.parcels)
      for (auto& d : p.messages) commitment.orders.resolve(d.stored, done.first_order);
    hand_out(commitment.parcels);
  } else {
    context_.count(counter::messages_dropped_store_error, commitment.owed);
    for (auto& p : commitment.parcels)
      for (auto& d : p.messages) p.to->settle(d.body->footprint());
    for (auto& [token, reason] : commitment.outcomes) reason = mqtt::reason_code::quota_exceeded;
  }
  for (auto& who : std::exchange(overfull_, {}))
    tell(context_.session_shard(who->client_id()), trim_queue{who});
  if (!commitment.outcomes.empty())
    tell(commitment.batch->answer_to, publish_outcome{std::move(commitment.outcomes)});
}

topic_shard::parcel& topic_shard::parcel_for(std::vector<parcel>& parcels,
                                             const subscriber_ptr& to) {
  // A batch is short and mostly for the same receivers. Nothing is put before a fan-out
  // that stands there already: it would overtake.
  const auto last = parcels.size() > 16 ? parcels.size() - 16 : 0;
  for (auto at = parcels.size(); at > last && !parcels[at - 1].alike; --at)
    if (parcels[at - 1].to == to) return parcels[at - 1];
  parcels.push_back({to, {}, nullptr, nullptr});
  return parcels.back();
}

void topic_shard::hand_out(std::vector<parcel>& parcels) {
  for (auto& p : parcels) {
    if (p.alike) {
      for (const auto& r : *p.receivers) {
        if (r.level == mqtt::qos::at_most_once && !r.who->online()) continue;
        if (auto actor = r.who->actor()) tell_now(actor, deliver_alike{p.alike, r.level});
      }
      continue;
    }
    // A session that sleeps finds in the store what was committed for it.
    if (auto actor = p.to->actor())
      tell_now(actor, deliver{std::move(p.messages)});
  }
}

}  // namespace troupe::broker
