// A topic shard in a cluster: what it keeps for the topic shard of another node, and what it gives
// up when an owner changes.

#include <algorithm>
#include <utility>

#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"
#include "actors/broker/trace/topic_shard_trace.hpp"

namespace troupe::broker {
namespace {

constexpr std::uint64_t worth_telling = 128;  // messages that a session is owed

}  // namespace

void topic_shard::mark_done(const commitment& of, part& which) {
  if (role_ && of.batch && which.carries() && !which.done) --direct_[number(which.shard)];
  which.done = true;
}

/// The session shard has another owner: what was to be committed here may have been or not.
void topic_shard::hand_over(std::uint64_t number, part& from) {
  auto& of = commitments_.at(number);
  mark_done(of, from);
  if (of.given_back) {
    close(number);
    return;
  }
  if (of.deliver_from != cluster::no_node) {
    refuse(from.shard, of);
    close(number);
    return;
  }
  peer::Deliver content;
  content.set_epoch(role_->epoch());
  // A message with all of its receivers, in the order in which they came.
  std::vector<const parcel*> parcels;
  for (const auto* list : {&from.before, &from.parcels})
    for (const auto& p : *list) parcels.push_back(&p);
  std::vector<std::size_t> at(parcels.size());
  for (const auto& each : from.items) {
    auto& item = *content.add_items();
    put_body(*each.body, *item.mutable_body());
    item.set_replayed(each.replayed);
    item.set_life(each.from.life);
    item.set_number(each.from.number);
    item.set_by(each.by);
    item.set_chosen(each.chosen);
    for (std::size_t i = 0; i < parcels.size(); ++i) {
      const auto& p = *parcels[i];
      if (at[i] == p.messages.size() || p.messages[at[i]].body != each.body) continue;
      const auto& d = p.messages[at[i]++];
      put_receiver({p.to, d.level, d.retain, d.subscription_ids, d.share}, *item.add_receivers());
    }
  }
  role_->outbox().adopt(number, std::move(content));
}

void topic_shard::hand_over(shard_id session_shard) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, c] : commitments_) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (const auto number : numbers) {
    auto& parts = commitments_.at(number).parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].done || parts[i].shard != session_shard || !parts[i].carries()) continue;
      hand_over(number, parts[i]);
      if (!commitments_.contains(number)) break;
    }
  }
}

void topic_shard::give_back() {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, c] : commitments_)
    if (c.batch) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::shared_ptr<publish_batch>> batches;
  for (const auto number : numbers) {
    auto& given = commitments_.at(number);
    batches.push_back(given.batch);
    given.open = 0;
    for (const auto& each : given.parts) {
      if (each.done) continue;
      ++given.open;
      if (each.carries()) --direct_[troupe::number(each.shard)];
    }
    // What is committed all the same goes to its receivers: they are not owed it again.
    given.batch = nullptr;
    given.outcomes.clear();
    given.given_back = true;
    if (given.open == 0) commitments_.erase(number);
  }
  for (auto& each : std::exchange(waiting_, {})) batches.push_back(std::move(each.batch));
  role_->take_back(std::move(batches));
}

/// Of kept receivers of one shard all go the same way, though the shard may have changed its owner
/// and only some are announced by the new one.
void topic_shard::find_mixed() {
  mixed_.clear();
  if (!publishing_ || to_->size() < 2) return;
  for (const auto& r : *to_)
    if (r.who->remote() && r.who->kept()) mixed_.push_back(r.who->id().shard());
}

/// Nobody waits for an owner without limit: the publisher is told, what is owed still waits for
/// its shard.
void topic_shard::tick() {
  constexpr unsigned patience = 30;
  constexpr unsigned seldom = 60;
  if (++ticks_ % seldom == 0) forget_origins();
  expire_waiting(patience);
  for (auto& [number, c] : commitments_) {
    if (!c.batch || c.outcomes.empty() || ++c.age <= patience) continue;
    for (auto& [token, reason] : c.outcomes) reason = mqtt::reason_code::quota_exceeded;
    context_.count(observe::counter::publishes_refused_no_owner, c.outcomes.size());
    topic_role::answer(context_, shard_, *c.batch, std::exchange(c.outcomes, {}));
  }
}

void topic_shard::answered(const delivery_outbox::progress& what) {
  auto it = commitments_.find(what.commitment);
  if (it == commitments_.end()) return;
  if (what.failed) it->second.failed = true;
  it->second.open += static_cast<std::uint32_t>(what.more);
  if (it->second.open != 0) return;
  auto finished = commitments_.extract(it);
  finish(finished.mapped());
}

void topic_shard::finish(commitment& done) {
  if (done.given_back) return;
  if (done.deliver_from != cluster::no_node) {
    peer::DeliverAnswer answer;
    answer.set_request(done.deliver_request);
    answer.set_failed(done.failed);
    for (const auto shard : done.elsewhere) answer.add_elsewhere(shard);
    for (const auto member : done.full) answer.add_full(member.value);
    if (done.deliver_from == context_.remote->self())
      role_->outbox().answered(done.deliver_from, answer);
    else
      context_.remote->send(done.deliver_from, frame_kind::deliver_answer, number(shard_), answer);
    return;
  }
  if (done.failed)
    for (auto& [token, reason] : done.outcomes) reason = mqtt::reason_code::quota_exceeded;
  if (!done.outcomes.empty())
    topic_role::answer(context_, shard_, *done.batch, std::move(done.outcomes));
}

// --- for the topic shard of another node --------------------------------------------

void topic_shard::deliver_from(cluster::node_id from, const peer::Deliver& frame) {
  // An owner that does not know yet that it is none any more: the next one sends all again.
  if (frame.epoch() < role_->epoch()) return;
  if (from != context_.remote->self() && frame.pairing() != role_->view().pairing(from)) return;
  commitment pending;
  std::vector<parcel> now;
  pending.deliver_from = from;
  pending.deliver_pairing = frame.pairing();
  pending.deliver_request = frame.request();
  for (int i = 0; i < std::min(frame.attempts_size(), frame.attempt_shards_size()); ++i)
    pending.attempts.emplace_back(static_cast<shard_id>(frame.attempt_shards(i)),
                                  frame.attempts(i));
  for (const auto& each : frame.items()) {
    publish_item item;
    item.body = body_of(each.body(), from == context_.remote->self());
    if (!item.body) continue;
    if (each.replayed()) item.directed = std::make_unique<direction>();
    item.from = {each.life(), each.number()};
    item.by = each.by();
    item.chosen = each.chosen();
    resolve(each, pending);
    if (topic_shard_trace::on(*this, *item.body)) topic_shard_trace::arrived(*this, *item.body, from);
    if (!to_->empty()) hand_to(item, pending, now);
  }
  if (!pending.parts.empty())
    commit(std::move(pending), 0);
  else if (frame.request() != 0)
    finish(pending);
  hand_out(now);
}

std::uint64_t topic_shard::attempt_of(const commitment& pending, shard_id session_shard) {
  for (const auto& [shard, attempt] : pending.attempts)
    if (shard == session_shard) return attempt;
  return 0;
}

/// Something before it in the same attempt was refused.
bool topic_shard::is_refused(shard_id session_shard, const commitment& pending) const {
  const auto it = refused_.find({pending.deliver_from, session_shard});
  return it != refused_.end() && attempt_of(pending, session_shard) <= it->second;
}

void topic_shard::refuse(shard_id session_shard, commitment& pending) {
  const auto from = pending.deliver_from;
  // Since then it may have begun to count its attempts anew.
  if (from == context_.remote->self() ||
      pending.deliver_pairing == role_->view().pairing(from)) {
    auto& last = refused_[{from, session_shard}];
    last = std::max(last, attempt_of(pending, session_shard));
  }
  pending.elsewhere.push_back(number(session_shard));
}

/// The receivers that are here.
void topic_shard::resolve(const peer::DeliverItem& item, commitment& pending) {
  found_.clear();
  to_ = &found_;
  // Those of one shard get it together or not at all.
  std::vector<std::pair<const peer::Receiver*, subscriber_ptr>> all;
  for (const auto& named : item.receivers()) {
    const session_id id(named.session());
    if (number(id.shard()) >= context_.remote->shards()) continue;
    auto who = context_.remote->sessions().find(id);
    // What has an origin has to wait until this actor and the session shard are in one epoch.
    const bool owned = context_.remote->serves(id.shard()) &&
                       (item.number() == 0 || origins(id.shard()) != nullptr);
    const bool not_here = who ? who->kept() && (!owned || who->remote()) : !owned;
    // Perhaps a clean session that is gone: its owner says so, and that is the end of it.
    if (named.level() != 0 && not_here && !is_refused(id.shard(), pending))
      refuse(id.shard(), pending);
    all.emplace_back(&named, std::move(who));
  }
  for (auto& [each, who] : all) {
    const auto& named = *each;
    const auto shard = session_id(named.session()).shard();
    if (named.level() != 0 && is_refused(shard, pending)) {
      refuse(shard, pending);
      continue;
    }
    if (!who || who->ended() || who->remote()) continue;
    receiver r;
    r.who = std::move(who);
    r.level = static_cast<mqtt::qos>(std::min(named.level(), 2U));
    r.retain = named.retain();
    r.subscription_ids.assign(named.subscription_ids().begin(), named.subscription_ids().end());
    if (!named.share().empty()) r.share = std::make_shared<const std::string>(named.share());
    found_.push_back(std::move(r));
  }
}

/// To where its client is connected.
void topic_shard::forward(const parcel& p) {
  peer::Forward frame;
  frame.set_stream(p.to->stream());
  // Who is behind is to know by how much; who is not has all of it.
  if (const auto owed = p.to->owed(); p.to->kept() && owed > worth_telling) {
    frame.set_owed(owed);
    frame.set_owed_bytes(p.to->owed_bytes());
  }
  bool droppable = true;
  for (const auto& d : p.messages) {
    put_forward(d, p.to->id(), *frame.add_items());
    droppable = droppable && d.level == mqtt::qos::at_most_once;
  }
  context_.remote->send(p.to->awake_at(), frame_kind::forward, number(p.to->id().shard()), frame,
                        nullptr, droppable);
}

}  // namespace troupe::broker
