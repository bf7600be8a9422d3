// The way of publishes to the owner of a topic shard, and what the owner answers.

#include <algorithm>
#include <utility>

#include "actors/broker/remote/topic_role.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/trace/hops.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

// Of an item for which nobody waits but that somebody may be owed: it is kept until the owner has
// taken it, too.
constexpr std::uint64_t kept_token = 1ULL << 61;

// One that is about to come, and a whole one.
constexpr unsigned ticks_of_refusing = 2;

bool nobody_waits(const publish_batch& batch) {
  return std::all_of(batch.items.begin(), batch.items.end(), [](const publish_item& item) {
    return item.token == 0 && item.body->level() == mqtt::qos::at_most_once;
  });
}

void begin(publish_batch& batch) {
  for (auto& item : batch.items)
    item.begun = item.body->level() == mqtt::qos::exactly_once;
}

/// Somebody hears of all that is not taken: messages of a client. What the broker itself sends (a
/// will, a message for another member of a group) has nobody who would send it again, and waits.
/// So does what is to come once and may have been given to somebody: a client that never hears of
/// the refusal would send it again.
bool may_be_refused(const publish_batch& batch) {
  return batch.origin == cluster::no_node &&
         std::all_of(batch.items.begin(), batch.items.end(), [](const publish_item& item) {
           const bool asked = item.token != 0 && item.token != kept_token;
           return !item.directed && !item.declined && !item.begun &&
                  (asked || item.body->level() == mqtt::qos::at_most_once);
         });
}

}  // namespace

void topic_role::publish(std::shared_ptr<publish_batch> batch) {
  const bool light = nobody_waits(*batch);
  if (refusing_ != 0 && !light && must_be_refused(*batch)) return refuse_now(std::move(batch));
  if (is_owner()) {
    if (serving_ || light) return host_.publish(batch);
    if (cut_off_ && may_be_refused(*batch)) return refuse_now(std::move(batch));
    held_.push_back({std::move(batch), 0});
    return;
  }
  if (batch->origin != cluster::no_node) {
    if (!light) refuse(*batch);
    return;
  }
  // Nobody owns it: clean sessions of this side go on with the routes at hand.
  if (light && view_.owner(shard_).node == cluster::no_node) return host_.publish(batch);
  if (cut_off_ && out_of_reach() && !light && may_be_refused(*batch))
    return refuse_now(std::move(batch));
  forward(std::move(batch));
}

void topic_role::take_back(std::vector<std::shared_ptr<publish_batch>> batches) {
  outbox_.clear();
  for (auto& each : batches) begin(*each);
  hold(std::move(batches));
}

void topic_role::hold(std::vector<std::shared_ptr<publish_batch>> batches) {
  for (auto it = batches.rbegin(); it != batches.rend(); ++it)
    held_.push_front({std::move(*it), 0});
}

void topic_role::forward(std::shared_ptr<publish_batch> batch) {
  waiting_publish w;
  const bool light = nobody_waits(*batch);
  w.batch = std::move(batch);
  if (light) {
    send(0, w);
    return;
  }
  for (auto& item : w.batch->items) {
    if (item.token == 0 && item.body->level() != mqtt::qos::at_most_once) item.token = kept_token;
    w.open += item.token != 0 ? 1 : 0;
  }
  const auto request = next_request_++;
  auto& kept = publishes_.emplace(request, std::move(w)).first->second;
  if (unsent_++ == 0) send(request, kept);
}

/// What the owner does not take, it does not take what came behind either.
void topic_role::refuse(const publish_batch& batch) {
  // Since then it may have begun to count its attempts anew.
  if (batch.pairing == view_.pairing(batch.origin)) {
    auto& last = refused_[batch.origin];
    last = std::max(last, batch.attempt);
  }
  peer::PublishAnswer frame;
  frame.set_request(batch.request);
  frame.set_not_owner(true);
  frame.set_attempt(batch.attempt);
  net_.send(batch.origin, frame_kind::publish_answer, number(shard_), frame);
}

void topic_role::begin_again() {
  ++attempt_;
  for (auto& [request, w] : publishes_) w.sent = false;
  unsent_ = publishes_.size();
}

bool topic_role::send(std::uint64_t request, waiting_publish& w) {
  const auto to = view_.owner(shard_).node;
  if (to == cluster::no_node || !view_.is_up(to)) return false;
  peer::Publish frame;
  frame.set_request(request);
  frame.set_attempt(attempt_);
  frame.set_pairing(view_.pairing(to));
  frame.set_from(w.batch->from.value);
  frame.set_client(w.batch->client);
  frame.set_released_life(w.batch->released.life);
  frame.set_released_number(w.batch->released.number);
  for (const auto& item : w.batch->items) {
    auto& added = *frame.add_items();
    put_body(*item.body, *added.mutable_body());
    added.set_wanted(item.token != 0);
    added.set_life(item.from.life);
    added.set_number(item.from.number);
    added.set_by(item.by);
    if (item.directed) {
      receiver r;
      r.who = item.directed->to;
      r.level = item.directed->level;
      r.retain = item.directed->retain;
      r.subscription_ids = item.directed->subscription_ids;
      put_receiver(r, *added.mutable_directed());
    }
    if (item.declined) {
      added.set_declined_share(*item.declined->share);
      added.set_declined_by(item.declined->declined_by->id().value);
    }
  }
  if (!net_.send(to, frame_kind::publish, number(shard_), frame, w.batch->held, request == 0))
    return false;
  if (context_.traced()) trace_batch(context_, *w.batch, trace_hop::forwarded, to);
  if (request == 0) return true;
  begin(*w.batch);
  if (!std::exchange(w.sent, true)) --unsent_;
  return true;
}

void topic_role::on_publish(cluster::node_id from, const peer::Publish& frame) {
  if (frame.pairing() != view_.pairing(from)) return;
  auto batch = std::make_shared<publish_batch>();
  batch->from = session_id(frame.from());
  batch->client = frame.client();
  batch->released = {frame.released_life(), frame.released_number()};
  batch->origin = from;
  batch->pairing = frame.pairing();
  batch->request = frame.request();
  batch->attempt = frame.attempt();
  std::uint64_t position = 0;
  for (const auto& item : frame.items()) {
    ++position;
    auto body = body_of(item.body());
    if (!body) continue;
    auto& added = batch->items.emplace_back();
    added.body = std::move(body);
    if (item.wanted()) added.token = position;
    added.from = {item.life(), item.number()};
    added.by = item.by();
    if (item.has_directed()) {
      const auto& d = item.directed();
      added.directed = std::make_unique<direction>();
      // To the owner of its shard, who knows it.
      added.directed->to = subscriber::announced(session_id(d.session()), true, from);
      added.directed->level = static_cast<mqtt::qos>(std::min(d.level(), 2U));
      added.directed->retain = d.retain();
      added.directed->subscription_ids.assign(d.subscription_ids().begin(),
                                              d.subscription_ids().end());
    }
    if (!item.declined_share().empty()) {
      added.declined = std::make_unique<second_choice>();
      added.declined->share = std::make_shared<const std::string>(item.declined_share());
      added.declined->declined_by =
          subscriber::announced(session_id(item.declined_by()), true, from);
    }
  }
  if (batch->items.empty()) return;
  if (context_.traced()) trace_batch(context_, *batch, trace_hop::arrived, from);
  if (nobody_waits(*batch)) return publish(std::move(batch));
  const auto last = refused_.find(from);
  if (last != refused_.end() && batch->attempt <= last->second) return refuse(*batch);
  publish(std::move(batch));
}

void topic_role::on_answer(const peer::PublishAnswer& frame) {
  auto it = publishes_.find(frame.request());
  if (frame.not_owner()) {
    if (frame.attempt() == attempt_) begin_again();
    return;
  }
  if (it == publishes_.end()) return;
  auto& w = it->second;
  publish_outcomes outcomes;
  const auto known = std::min<std::size_t>(static_cast<std::size_t>(frame.items_size()),
                                           frame.reasons().size());
  for (std::size_t i = 0; i < known; ++i) {
    const auto position = frame.items(static_cast<int>(i));
    if (position >= w.batch->items.size()) continue;
    auto& item = w.batch->items[position];
    if (item.token == 0) continue;  // answered before
    const auto token = std::exchange(item.token, 0);
    if (token != kept_token)
      outcomes.emplace_back(token, static_cast<mqtt::reason_code>(frame.reasons()[i]));
    if (w.open > 0) --w.open;
  }
  const auto batch = w.batch;
  if (w.open == 0) {
    if (!w.sent) --unsent_;
    publishes_.erase(it);
  }
  answer(context_, shard_, *batch, std::move(outcomes));
}

/// It was sent before its session knew that an earlier one is refused.
bool topic_role::must_be_refused(const publish_batch& batch) const {
  const auto of = refused_now_.find(batch.from);
  return of != refused_now_.end() && batch.answered <= of->second && may_be_refused(batch);
}

void topic_role::give_up(const publish_batch& batch, observe::counter as) {
  publish_outcomes outcomes;
  std::uint64_t given_up = 0;
  for (const auto& item : batch.items) {
    if (item.token == 0) continue;
    ++given_up;
    if (item.token != kept_token)
      outcomes.emplace_back(item.token, mqtt::reason_code::quota_exceeded);
  }
  context_.count(as, given_up);
  if (context_.traced()) trace_given_up(context_, batch, as);
  if (as == counter::publishes_refused_no_majority) {
    refusing_ = ticks_of_refusing;
    auto& last = refused_now_[batch.from];
    for (const auto& item : batch.items)
      if (item.token < kept_token) last = std::max(last, item.token);
  }
  answer(context_, shard_, batch, std::move(outcomes));
}

// --- cut off from the majority -------------------------------------------------------

/// Nobody who can be asked owns the shard, or this node does and cannot serve.
bool topic_role::out_of_reach() const {
  const auto node = view_.owner(shard_).node;
  return node == view_.self ? !serving_ : !view_.is_up(node);
}

/// Nothing of it was given to anybody yet.
void topic_role::refuse_now(std::shared_ptr<publish_batch> batch) {
  const auto light = [](const publish_item& item) { return item.token == 0; };
  give_up(*batch, counter::publishes_refused_no_majority);
  if (std::none_of(batch->items.begin(), batch->items.end(), light)) return;
  // What it said with QoS 0 goes on among the clients of this side.
  auto rest = std::make_shared<publish_batch>();
  rest->from = batch->from;
  rest->client = batch->client;
  rest->held = batch->held;
  for (auto& item : batch->items)
    if (light(item)) rest->items.push_back(std::move(item));
  publish(std::move(rest));
}

/// What was sent to an owner whose pairing goes on, it may still take: that waits for the end of
/// the pairing. What an owner before may have begun is refused like the rest, but for QoS 2: it
/// comes at most as what the client was not promised.
void topic_role::refuse_what_waits() {
  if (!cut_off_ || !out_of_reach()) return;
  for (auto& each : std::exchange(held_, {})) {
    if (!may_be_refused(*each.batch)) {
      held_.push_back(std::move(each));
      continue;
    }
    give_up(*each.batch, counter::publishes_refused_no_majority);
  }
  for (auto it = publishes_.begin(); it != publishes_.end();) {
    const auto& w = it->second;
    if (w.sent || !may_be_refused(*w.batch)) {
      ++it;
      continue;
    }
    give_up(*w.batch, counter::publishes_refused_no_majority);
    --unsent_;
    it = publishes_.erase(it);
  }
  // A clean session is in force on its own node; more cannot be had now.
  for (auto it = changes_.begin(); it != changes_.end();) {
    const auto& change = it->second.change;
    if (change.what.who->kept()) {
      ++it;
      continue;
    }
    tell(change.answer_to, route_changed{change.token, change.entry,
                                         {{context_.run_id, context_.wildcards.version()}}});
    it = changes_.erase(it);
  }
}

void topic_role::resend() {
  for (auto& [request, w] : publishes_)
    if (!w.sent && !send(request, w)) break;  // nor anything behind it
  for (auto& [request, w] : changes_) send(request, w);
}

}  // namespace troupe::broker
