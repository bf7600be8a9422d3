// What the rules of the session ask for: the connection, the shards, the store.

#include "actors/broker/remote/peers.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/trace/session_trace.hpp"
#include "actors/observe/log.hpp"

namespace troupe::broker {

using observe::counter;

// --- to the client ---------------------------------------------------------------

void session::send(const troupe::session::publish_out& publish) {
  if (device_ == nullptr) return;
  auto& counted = counts();
  ++counted.sent[static_cast<std::size_t>(publish.level)];
  counted.sent_bytes += publish.body->payload().size();
  // Retained ones have been with us for long.
  if (publish.body->timed() && !publish.retain && !publish.dup) {
    context_.time(observe::latency_stage::sent, *publish.body);
    if (publish.id != 0 && counted.receiving.id == 0)
      counted.receiving = {publish.body->timed_at(), publish.id, publish.body->of_another_node()};
  }
  if (session_trace::on(*this, *publish.body)) session_trace::written(*this, publish);
  device_->send(publish);
}
void session::send(const mqtt::ack_packet& ack) {
  if (context_.traced()) session_trace::answered(*this, ack);
  if (counts_ && counts_->publishing.id == ack.id && ack.kind != mqtt::ack_kind::pubrel)
    take_time(observe::latency_stage::answered, counts_->publishing);
  if (device_ != nullptr) device_->send(ack);
}
void session::send(const mqtt::suback_packet& suback) {
  if (device_ != nullptr) device_->send(suback);
}
void session::send_pingresp() {
  if (device_ != nullptr) device_->send_pingresp();
}
bool session::writable() {
  return device_ != nullptr && device_->writable();
}

void session::disconnect(mqtt::reason_code reason, std::string_view sentence) {
  if (session_trace::on(*this)) session_trace::disconnecting(*this, reason, sentence);
  // Nothing more is said to it or heard of it; client_gone follows.
  input_over_ = true;
  if (auto* device = std::exchange(device_, nullptr)) device->disconnect(reason, sentence);
}

// --- to the shards ---------------------------------------------------------------

publish_item& session::item_for(const mqtt::message& message) {
  auto& batch = batch_for(message.topic());
  grow(batch.items);
  auto& item = batch.items.emplace_back();
  item.body = mqtt::message_ptr(&message);
  return item;
}

publish_batch& session::batch_for(std::string_view topic) {
  // A client says mostly several things of one topic, one after the other.
  if (!batches_.empty()) {
    auto& latest = *batches_.back().second;
    if (latest.items.back().body->topic() == topic) return latest;
  }
  const auto shard = context_.shard_of(topic);
  for (auto& [number, open] : batches_)
    if (number == shard) return *open;
  auto batch = std::make_shared<publish_batch>();
  batch->from = who_->id();
  batch->client = client_hash_;
  batch->answered = inbound_.first_unanswered();
  if (context_.remote != nullptr) batch->released = inbound_.first_origin();
  batch->answer_to = strong(*this);
  if (input_) batch->held = {input_, &input_->held};
  return *batches_.emplace_back(shard, std::move(batch)).second;
}

void session::route(troupe::session::routed_publish publish) {
  auto& item = item_for(*publish.body);
  item.token = publish.token;
  item.received = publish.received;
  item.from = publish.from;
  item.begun = publish.begun;
}

void session::redispatch(const troupe::session::delivery& message) {
  if (session_trace::on(*this, *message.body)) session_trace::redirected(*this, message);
  second_choice_for(message);
}

publish_item& session::second_choice_for(const troupe::session::delivery& message) {
  auto& item = item_for(*message.body);
  item.declined = std::make_unique<second_choice>();
  item.declined->share = message.share;
  item.declined->declined_by = who_;
  item.declined->stored = message.stored;
  count_aside(item, message.stored ? message.stored.order : 0);
  return item;
}

void session::dropped(const mqtt::message& message, troupe::session::drop_reason why) {
  using troupe::session::drop_reason;
  counter what = counter::messages_dropped_session_ended;
  switch (why) {
    case drop_reason::queue_full:
      what = counter::messages_dropped_queue_full;
      break;
    case drop_reason::expired:
      what = counter::messages_dropped_expired;
      break;
    case drop_reason::too_large:
      what = counter::messages_dropped_too_large;
      break;
    case drop_reason::output_full:
      what = counter::messages_dropped_write_buffer_full;
      break;
    case drop_reason::not_authorized:
      what = counter::messages_dropped_not_authorized;
      break;
    case drop_reason::administrator:
      what = counter::messages_dropped_administrator;
      break;
    case drop_reason::session_ended:
      break;
  }
  context_.count(what);
  if (session_trace::on(*this, message)) session_trace::dropped(*this, message, why);
  ++counts().dropped[static_cast<std::size_t>(why)];
  if (observe::log_enabled(observe::log_module::session, observe::log_level::debug))
    observe::log_limited(observe::log_module::session, observe::log_level::debug, "Message dropped",
                         {{"client", client_id()},
                          {"topic", message.topic()},
                          {"reason", observe::counter_table[observe::index(what)].value}});
}

// --- to the store ------------------------------------------------------------------

void session::record_outgoing(mqtt::packet_id id, std::uint64_t order, bool released) {
  writes().put_outgoing(who_->id(), {id, order, released});
  then({after_commit::kind::outgoing, id, released});
}

void session::erase_outgoing(mqtt::packet_id id) {
  writes().erase_outgoing(who_->id(), id);
}

void session::settle(const troupe::session::stored_place& place, std::size_t bytes) {
  writes().settle(who_->id(), place);
  if (kept_elsewhere()) {
    ++rare().settled_count;
    rare().settled_bytes += bytes;
    rare().elsewhere.settle(bytes);
  } else {
    who_->settle(bytes);
  }
  if (trimming_) rare().settled_meanwhile.push_back(place.order);
}

void session::erase_received(mqtt::packet_id id) {
  writes().erase_received(who_->id(), id);
  then({after_commit::kind::received, id, false});
}

void session::want_page(std::uint64_t after, std::uint32_t count, std::uint64_t bytes) {
  flush();  // what was settled must not be read again
  context_.store.read_owed(
      who_->id(), after, count, bytes,
      [self = strong(*this), this, after, count, bytes](storage::owed_page page) {
        auto kept = std::make_shared<storage::owed_page>(std::move(page));
        tell(self, deferred{[=, this] {
               if (kept->failed)
                 return try_again_later([=, this] { want_page(after, count, bytes); });
               std::vector<troupe::session::delivery> messages;
               messages.reserve(kept->messages.size());
               for (auto& m : kept->messages) {
                 troupe::session::delivery d;
                 d.body = std::move(m.body);
                 d.level = m.entry.level;
                 d.retain = m.entry.retain;
                 d.subscription_ids = std::move(m.entry.subscription_ids);
                 d.stored = m.place;
                 if (!m.entry.share.empty())
                   d.share = std::make_shared<const std::string>(std::move(m.entry.share));
                 messages.push_back(std::move(d));
               }
               if (context_.traced()) session_trace::read_from_store(*this, messages);
               if (phase_ == phase::active)
                 outbound_.page(std::move(messages), kept->end, kept->through, now(), *this);
             }});
      });
}

void session::flush() {
  if (!durable()) note_room();
  if (context_.released()) batches_.clear();
  for (auto& [shard, batch] : batches_)
    tell_now(context_.topic_shards[number(shard)], publish_request{std::move(batch)});
  batches_.clear();
  if (rare_ && rare_->settled_count != 0) {
    peer::Settled settled;
    settled.set_session(who_->id().value);
    settled.set_count(std::exchange(rare_->settled_count, 0));
    settled.set_bytes(std::exchange(rare_->settled_bytes, 0));
    const auto shard = who_->id().shard();
    context_.remote->send(context_.remote->owner(shard).node, frame_kind::settled, number(shard),
                          settled);
  }
  if (!pending_) return;
  const auto pending = std::move(pending_);
  auto& writes = pending->writes;
  if (context_.remote != nullptr) writes.by(who_->id(), who_->life());
  // Most transactions only settle: nobody waits for that, and what is read later sees it.
  if (pending->after.empty()) return context_.store.commit(std::move(writes), nullptr);
  auto after = std::make_shared<std::vector<after_commit>>(std::move(pending->after));
  ++commits_under_way_;
  const auto epoch = order_ && context_.remote != nullptr
                         ? context_.remote->owner(who_->id().shard()).epoch
                         : 0;
  context_.store.commit(
      std::move(writes),
      [self = strong(*this), this, after, epoch](const storage::commit_result& result) {
        const auto next = result.not_owner ? epoch + 1 : 0;
        tell(self, deferred{[this, after, ok = result.ok, next] { committed(*after, ok, next); }});
      });
}

void session::committed(const std::vector<after_commit>& finished, bool ok,
                        std::uint64_t next_epoch) {
  --commits_under_way_;
  if (!ok) {
    context_.count(counter::store_errors);
    // Nothing that was promised is kept: the client has to come again. (For an established
    // connection there is no code for "unavailable" [MQTT-5.0, 3.14.2.1].)
    if (device_ != nullptr && connected_ && !begin_anew(next_epoch)) {
      constexpr auto why = "The store cannot be written";
      if (order_) {
        std::exchange(device_, nullptr)->refused(mqtt::reason_code::server_unavailable, why);
        on_gone({connection_, why});  // a connection that was refused does not say so itself
      } else {
        disconnect(mqtt::reason_code::implementation_specific_error, why);
      }
    }
    for (const auto& x : finished) {
      if (x.what == after_commit::kind::noted)
        noted(x.number, false);
      else if (x.what == after_commit::kind::ending)
        finish_end();
      else if (x.what == after_commit::kind::taken)
        inbound_.completed(x.number, mqtt::reason_code::implementation_specific_error, *this);
      else if (x.what == after_commit::kind::received)
        inbound_.not_released(static_cast<mqtt::packet_id>(x.number));
      else if (x.what == after_commit::kind::outgoing)
        outbound_.not_recorded(static_cast<mqtt::packet_id>(x.number));
    }
    return;
  }
  for (const auto& x : finished) {
    switch (x.what) {
      case after_commit::kind::outgoing:
        outbound_.recorded(static_cast<mqtt::packet_id>(x.number), x.released, now(), *this);
        break;
      case after_commit::kind::received:
        inbound_.released(static_cast<mqtt::packet_id>(x.number), *this);
        break;
      case after_commit::kind::change:
        change_settled(x.number);
        break;
      case after_commit::kind::noted:
        noted(x.number, true);
        break;
      case after_commit::kind::taken:
        inbound_.completed(x.number, x.reason, *this);
        break;
      case after_commit::kind::ending:
        hand_over();
        break;
      case after_commit::kind::connack:
        if (connected_ && x.number == connection_) send_connack();
        break;
    }
  }
}

queue_elsewhere session::owed() const {
  if (!kept_elsewhere()) return {who_->owed(), who_->owed_bytes()};
  // What the owner last told may be old: whoever has caught up has all of it in memory.
  if (outbound_.caught_up())
    return {outbound_.inflight() + outbound_.queued(), outbound_.queued_bytes()};
  return rare_ ? rare_->elsewhere : queue_elsewhere{};
}

bool session::kept_elsewhere() const {
  return context_.remote != nullptr && who_->kept() && !context_.remote->owns(who_->id().shard());
}

bool session::kept_out_of_reach() const {
  return context_.remote != nullptr && context_.remote->cut_off() &&
         context_.remote->out_of_reach(who_->id().shard());
}

void session::try_again_later(std::function<void()> work) {
  context_.count(counter::store_errors);
  if (context_.stopping.load()) return;  // the store does not come back
  if (!retries_) retries_ = std::make_unique<retries>(*this);
  retries_->add(std::move(work));
}

void session::leave_loop() {
  cancel_timer();
  if (retries_) retries_->leave_loop();
}

void session::later(std::function<void()> run) {
  tell(strong(*this), deferred{std::move(run)});
}

}  // namespace troupe::broker
