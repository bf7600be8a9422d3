#include "actors/broker/topic_shard.hpp"

#include <algorithm>

#include "actors/broker/audit/explain.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/trace/topic_shard_trace.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

// Receivers of one message that are worth a list and an encoding of their own.
constexpr std::size_t fan_out_from = 4;
constexpr std::size_t kept_parcels = 64;
// In a cluster they go to several session shards.
constexpr std::size_t few = 16;
constexpr std::size_t most_terms = 16;  // bytes, see storage::owed_terms
constexpr std::size_t most_room = std::size_t{64} << 10;

/// What messages like one of so many bytes will take in a transaction, or the begin of many.
std::size_t room_for(std::size_t messages, std::size_t bytes) {
  return std::min(std::max<std::size_t>(messages, 1) * (bytes + most_terms), most_room);
}

/// Nothing is owed to it and nothing but the message itself is for it.
bool on_plain_terms(const receiver& r) {
  return !r.who->ended() && !r.who->durable() && !r.who->remote() && !r.retain && !r.share &&
         r.subscription_ids.empty();
}

}  // namespace

topic_shard::topic_shard(caf::actor_config& cfg, broker_context& context, shard_id shard,
                         std::uint64_t next_offset)
    : lean_actor(cfg),
      context_(context),
      matcher_(context, context.run_id + number(shard)),
      next_offset_(next_offset),
      shard_(shard) {
  if (context_.remote == nullptr) return;
  direct_.resize(context_.remote->shards());
  origins_.resize(context_.remote->shards());
  role_ = std::make_unique<topic_role>(
      context_, shard_, matcher_,
      topic_role::host{
          [this](const std::shared_ptr<publish_batch>& batch) { publish(batch); },
          [this](cluster::node_id from, const peer::Deliver& frame) { deliver_from(from, frame); },
          [this](const delivery_outbox::progress& what) { answered(what); }});
}

void topic_shard::receive(caf::mailbox_element& m) {
  runtime::incoming in(m);
  if (auto* request = in.as<publish_request>()) {
    if (role_)
      role_->publish(std::move(request->batch));
    else
      publish(std::move(request->batch));
    count_open();
  } else if (auto* done = in.as<commit_done>()) {
    committed(*done);
    count_open();
  } else if (auto* change = in.as<route_change>()) {
    matcher_.apply(*change);
    const auto version = context_.wildcards.exact_changed();
    if (role_) return role_->route_applied(*change, version);
    if (change->token != 0)
      tell(change->answer_to,
           route_changed{change->token, change->entry, {{context_.run_id, version}}});
  } else if (auto* question = in.as<route_question>()) {
    if (role_) return role_->ask(std::move(*question));
    std::vector<route_report> alone(1);
    alone[0].answered = true;
    if (!question->topic.empty()) explain(context_, matcher_, question->topic, alone[0]);
    question->answer(std::move(alone));
  } else if (!role_) {
    return;
  } else if (auto* frame = in.as<peer_message>()) {
    role_->on(*frame);
    count_open();
  } else if (auto* node = in.as<peer_changed>()) {
    // What it sends from now on is sent anew.
    if (!node->up)
      std::erase_if(refused_, [&](const auto& each) { return each.first.first == node->node; });
    role_->on(*node);
  } else if (auto* owner = in.as<owner_now>()) {
    // The new owner does all that is not answered, in its order.
    if (owner->shard == shard_ && role_->is_owner() &&
        (owner->owner.node != context_.remote->self() || owner->owner.epoch != role_->epoch()))
      give_back();
    // Before anything newer is sent to its new owner. If that is this node again, what was to be
    // committed for the last epoch may be in the log or not all the same.
    hand_over(owner->shard);
    role_->on(*owner);
  } else if (auto* told = in.as<routes_announced>()) {
    role_->on(*told);
  } else if (in.as<wildcards_announced>() != nullptr) {
    role_->wildcards_came();
  } else if (auto* majority = in.as<majority_changed>()) {
    role_->on(*majority);
  } else if (in.as<peer_tick>() != nullptr) {
    role_->tick();
    tick();
  }
  if (!waiting_.empty() && !role_->serves()) hold_waiting();
}

void topic_shard::count_open() noexcept {
  open_.store(static_cast<std::uint32_t>(commitments_.size() + waiting_.size()),
              std::memory_order_relaxed);
}

void topic_shard::publish(const std::shared_ptr<publish_batch>& batch) {
  const auto recording = role_ ? choose_members(*batch) : 0;
  if (recording == 0 && waiting_.empty()) return give_out(batch);
  waiting_.push_back({batch, recording});
}

void topic_shard::give_out(const std::shared_ptr<publish_batch>& keep) {
  auto& batch = *keep;
  commitment pending;
  auto now = std::move(now_);
  const bool several = batch.items.size() > 1;
  last_match_.checked = false;
  publishing_ = true;
  matcher_.from(batch.client, batch.origin);
  matcher_.several(several);
  publish_outcomes outcomes;
  to_come_ = batch.items.size();
  for (auto& item : batch.items) {
    const bool waits = publish_one(item, several, batch.from, pending, now);
    --to_come_;
    if (item.token == 0) continue;
    const auto reason = to_->empty() ? mqtt::reason_code::no_matching_subscribers
                                     : mqtt::reason_code::success;
    // What nothing was written for is answered now, the rest when it is safe.
    auto& told = waits ? pending.outcomes : outcomes;
    grow(told);
    told.emplace_back(item.token, reason);
  }
  // Before anyone hears of it: who then reads the store finds what was retained.
  publishing_ = false;
  std::uint32_t answers = 0;
  // What goes by way of the outbox must not come before what is still to be committed here.
  if (role_)
    for (const auto shard : role_->outbox().shards_added())
      if (direct_[shard] != 0) hand_over(static_cast<shard_id>(shard));
  if (role_) answers = role_->outbox().flush(next_commitment_, keep->held);
  if (!pending.parts.empty() || answers != 0) {
    pending.batch = keep;
    commit(std::move(pending), answers);
  }
  hand_out(now);
  now.clear();
  if (now.capacity() <= kept_parcels) now_ = std::move(now);
  if (!outcomes.empty()) topic_role::answer(context_, shard_, batch, std::move(outcomes));
  if (role_) {
    handed_out(batch);
    role_->outbox().serve_here();
  }
}

topic_shard::part& topic_shard::part_of(commitment& pending, shard_id shard) const {
  for (auto& each : pending.parts)
    if (!role_ || each.shard == shard) return each;
  auto& made = pending.parts.emplace_back();
  made.shard = shard;
  return made;
}

std::uint64_t topic_shard::commit(commitment pending, std::uint32_t answers) {
  const auto number = next_commitment_++;
  auto& kept = commitments_.emplace(number, std::move(pending)).first->second;
  kept.open = answers + static_cast<std::uint32_t>(kept.parts.size());
  for (std::uint32_t i = 0; i < kept.parts.size(); ++i) {
    auto& part = kept.parts[i];
    part.orders = part.writes.orders();
    if (role_ && kept.batch && part.carries()) ++direct_[troupe::number(part.shard)];
    if (role_) part.writes.epoch(role_->view().owner(part.shard).epoch);
    context_.store.commit(std::move(part.writes),
                          [self = strong(*this), number, i](const storage::commit_result& result) {
                            tell(self, commit_done{number, i, result.ok, result.not_owner,
                                                   result.first_order});
                          });
  }
  return number;
}

bool topic_shard::publish_one(publish_item& item, bool several, session_id from,
                              commitment& pending, std::vector<parcel>& now) {
  const auto& message = *item.body;
  bool waits = false;
  // In a cluster these concern other shards, and their session sees to them.
  if (!role_ && item.received != 0) {
    part_of(pending, shard_).writes.put_received(from, {item.received});
    waits = true;
  }
  if (!role_ && item.declined && item.declined->stored) {
    part_of(pending, shard_)
        .writes.settle(item.declined->declined_by->id(), item.declined->stored);
    waits = true;
  }
  find_receivers(item, several);
  if (!item.directed && !item.declined) context_.time(observe::latency_stage::routed, message);
  if (topic_shard_trace::on(*this, message)) topic_shard_trace::matched(*this, item);
  if (message.retain() && !item.directed && !item.declined && (!role_ || role_->is_owner())) {
    keep_retained(message, part_of(pending, shard_).writes);
    waits = true;
  }
  if (to_->empty()) {
    // What the node tells of itself is no loss.
    if (from != session_id{}) context_.count(counter::messages_dropped_no_subscribers);
    return waits;
  }
  if (to_ == last_match_.alike.get()) {
    if (topic_shard_trace::on(*this, message)) topic_shard_trace::handing(*this, item);
    fan(item, now);
    return waits;
  }
  return hand_to(item, pending, now) || waits;
}

/// To those found: owed, or at once.
bool topic_shard::hand_to(const publish_item& item, commitment& pending,
                          std::vector<parcel>& now) {
  if (role_) find_mixed();
  if (topic_shard_trace::on(*this, *item.body)) topic_shard_trace::handing(*this, item);
  const auto kept = owe(item, pending);
  if (kept == to_->size()) return true;
  bool waits = kept != 0;
  for (const auto& r : *to_) {
    if (role_ && for_others(r)) {
      role_->outbox().add(item, r);
      waits = waits || (r.who->kept() && r.level != mqtt::qos::at_most_once);
      continue;
    }
    if (r.who->durable() && r.level != mqtt::qos::at_most_once) continue;
    if (!r.who->online()) continue;  // QoS 0 for a session without a client
    troupe::session::delivery d;
    d.body = item.body;
    d.level = r.level;
    d.retain = r.retain;
    d.subscription_ids = r.subscription_ids;
    d.share = r.share;
    add(now, r.who, std::move(d));
  }
  return waits;
}

void topic_shard::fan(const publish_item& item, std::vector<parcel>& now) {
  auto& c = last_match_;
  if (now.empty() || now.back().receivers != c.alike)
    now.push_back({nullptr, {}, c.alike, std::make_shared<fan_out>()});
  now.back().alike->add(item.body);
}

void topic_shard::find_receivers(publish_item& item, bool several) {
  // Whoever has left its group since it was chosen may have been given the message before.
  matcher_.known(item.members.get(), true);
  matcher_.without_groups(item.passed);
  if (item.directed) {
    auto& d = *item.directed;
    found_.clear();
    to_ = &found_;
    // Awake here and kept elsewhere: the owner of its shard commits what it is owed.
    if (role_ && !d.to->ended() && !d.to->remote() && d.to->kept() &&
        !context_.remote->serves(d.to->id().shard()))
      d.to = subscriber::announced(d.to->id(), true, context_.remote->self());
    if (!d.to->ended())
      found_.push_back({d.to, d.level, d.retain, d.subscription_ids, nullptr});
  } else if (item.declined) {
    to_ = &found_;
    if (matcher_.rematch(*item.body, *item.declined->share, item.declined->declined_by->id(),
                         found_))
      context_.count(counter::messages_redispatched);
  } else {
    match(*item.body, several);
  }
  matcher_.without_groups(false);
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
  if (skipped != 0 && context_.traced(message)) topic_shard_trace::no_local(*this, message, skipped);
  // A publisher sends to the same topic many times in a row; groups choose for each message.
  c.valid = several && skipped == 0 && !matcher_.leaves_out_groups() &&
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

/// Kept by another node, or by this one behind what it could not take yet.
bool topic_shard::for_others(const receiver& r) const {
  if (r.who->remote()) return true;
  if (!mixed_.empty() && r.who->kept() &&
      std::find(mixed_.begin(), mixed_.end(), r.who->id().shard()) != mixed_.end())
    return true;
  return publishing_ && r.who->kept() && r.level != mqtt::qos::at_most_once &&
         role_->outbox().holds_back(r.who->id().shard());
}

std::uint32_t topic_shard::owe(const publish_item& item, commitment& pending) {
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
    if (!r.who->durable() || r.level == mqtt::qos::at_most_once || (role_ && for_others(r)))
      continue;
    if (!r.who->has_room(bytes, limits.max_queued_messages, limits.max_queued_bytes)) {
      if (r.share && !publishing_) pending.full.push_back(r.who->id());
      if (limits.full_queue == troupe::session::queue_policy::drop_newest) {
        context_.count(counter::messages_dropped_queue_full);
        if (topic_shard_trace::on(*this, *item.body)) topic_shard_trace::queue_full(*this, item, r);
        continue;
      }
      if (r.who->ask_trim()) overfull_.push_back(r.who);
    }
    owed.push_back(&r);
  }
  if (owed.empty()) return 0;
  if (!role_) {
    owe_in(item, part_of(pending, shard_), owed);
    return static_cast<std::uint32_t>(owed.size());
  }
  const auto shard_of = [](const receiver* r) { return number(r->who->id().shard()); };
  std::stable_sort(owed.begin(), owed.end(), [&](const receiver* a, const receiver* b) {
    return shard_of(a) < shard_of(b);
  });
  for (std::size_t from = 0; from < owed.size();) {
    auto to = from + 1;
    while (to < owed.size() && shard_of(owed[to]) == shard_of(owed[from])) ++to;
    owe_in(item, part_of(pending, owed[from]->who->id().shard()),
           std::span(owed).subspan(from, to - from));
    from = to;
  }
  return static_cast<std::uint32_t>(owed.size());
}

void topic_shard::owe_in(const publish_item& item, part& in,
                         std::span<const receiver*> owed) {
  const auto bytes = item.body->footprint();
  const auto delivery_for = [&](const receiver& r) {
    troupe::session::delivery d;
    d.body = item.body;
    d.level = r.level;
    d.retain = r.retain;
    d.subscription_ids = r.subscription_ids;
    d.replayed = item.directed != nullptr;
    d.share = r.share;
    return d;
  };
  if (role_) {
    in.items.push_back(
        {item.body, item.from, item.by, item.directed != nullptr, item.chosen});
    // Groups may have chosen another member before, if that is not on record.
    const auto plain = std::stable_partition(owed.begin(), owed.end(), [&](const receiver* r) {
      return r->share != nullptr && !(item.chosen && r->level == mqtt::qos::exactly_once);
    });
    if (plain != owed.end() && came_before(item, in)) {
      for (auto it = plain; it != owed.end(); ++it) add(in.before, (*it)->who, delivery_for(**it));
      owed = owed.first(static_cast<std::size_t>(plain - owed.begin()));
      if (owed.empty()) return;
    }
  }
  const storage::log_position at =
      role_ ? storage::log_position{in.shard, context_.remote->next_offset(in.shard)}
            : storage::log_position{shard_, next_offset_++};
  const bool sole = owed.size() == 1;
  if (in.owed == 0) {
    if (!role_) in.writes.share_heads();
    in.writes.expect(room_for(role_ ? std::min(to_come_, few) : to_come_, bytes));
  }
  if (!sole) in.writes.append(at, *item.body, static_cast<std::uint32_t>(owed.size()));
  for (const auto* r : owed) {
    const storage::owed_terms terms{r->level, r->retain, r->subscription_ids,
                                    r->share ? std::string_view(*r->share) : std::string_view{},
                                    static_cast<std::uint32_t>(bytes)};
    auto d = delivery_for(*r);
    d.stored = sole ? in.writes.owe(r->who->id(), terms, *item.body, at)
                    : in.writes.owe(r->who->id(), terms, at);
    r->who->owe(1, bytes);
    add(in.parcels, r->who, std::move(d));
  }
  in.owed += owed.size();
  if (item.body->timed() && !item.directed) in.timed.push_back(item.body);
}

void topic_shard::committed(const commit_done& done) {
  if (done.part == of_choices) return recorded(done);
  auto it = commitments_.find(done.number);
  if (it == commitments_.end() || done.part >= it->second.parts.size()) return;
  auto& part = it->second.parts[done.part];
  if (part.done) return;  // handed over meanwhile
  if (!done.ok && role_) doubt_origins(part);
  if (done.not_owner && role_) {
    // All of it goes to the new owner of this shard, as soon as that is known here.
    if (it->second.batch && part.shard == shard_) return;
    // And so does what was to be committed behind it.
    if (part.carries()) return hand_over(part.shard);
  }
  mark_done(it->second, part);
  if (context_.traced()) topic_shard_trace::committed(*this, part, done.ok);
  if (done.ok) {
    for (auto& p : part.parcels)
      for (auto& d : p.messages) part.orders.resolve(d.stored, done.first_order);
    for (const auto& each : part.timed) context_.time(observe::latency_stage::committed, *each);
    hand_out(part.parcels);
  } else {
    context_.count(counter::messages_dropped_store_error, part.owed);
    for (auto& p : part.parcels)
      for (auto& d : p.messages) p.to->settle(d.body->footprint());
    it->second.failed = true;
  }
  for (auto& who : std::exchange(overfull_, {}))
    if (!context_.released()) tell(context_.session_shard(who->client_id()), trim_queue{who});
  close(done.number);
}

/// One commit or answer less to wait for. True: it was the last.
bool topic_shard::close(std::uint64_t number) {
  auto it = commitments_.find(number);
  if (it == commitments_.end() || --it->second.open != 0) return false;
  auto finished = commitments_.extract(it);
  finish(finished.mapped());
  return true;
}

topic_shard::parcel& topic_shard::parcel_for(std::vector<parcel>& parcels,
                                             const subscriber_ptr& to) {
  // A batch is short and mostly for the same receivers. Nothing is put before a fan-out
  // that stands there already: it would overtake.
  const auto last = parcels.size() > 16 ? parcels.size() - 16 : 0;
  for (auto at = parcels.size(); at > last && !parcels[at - 1].alike; --at)
    if (parcels[at - 1].to == to) return parcels[at - 1];
  auto& made = parcels.emplace_back();
  made.to = to;
  return made;
}

void topic_shard::add(std::vector<parcel>& parcels, const subscriber_ptr& to,
                      troupe::session::delivery&& message) {
  auto& messages = parcel_for(parcels, to).messages;
  grow(messages);
  messages.push_back(std::move(message));
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
    auto actor = p.to->actor();
    if (!actor && context_.traced()) topic_shard_trace::not_awake(*this, p);
    if (actor)
      tell_now(actor, deliver{std::move(p.messages)});
    else if (role_ && p.to->awake_at() != cluster::no_node)
      forward(p);
  }
}

}  // namespace troupe::broker
