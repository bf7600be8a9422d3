#include "actors/broker/trace/session_trace.hpp"

#include "actors/broker/trace/hops.hpp"
#include "actors/observe/counter_table.hpp"

#include <utility>

namespace troupe::broker {

using troupe::session::drop_reason;

namespace {

std::string of(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what);
}

std::string_view word_of(drop_reason why) {
  switch (why) {
    case drop_reason::queue_full:
      return "queue_full";
    case drop_reason::expired:
      return "expired";
    case drop_reason::too_large:
      return "too_large";
    case drop_reason::output_full:
      return "write_buffer_full";
    case drop_reason::not_authorized:
      return "not_authorized";
    case drop_reason::administrator:
      return "administrator";
    case drop_reason::session_ended:
      break;
  }
  return "session_ended";
}

std::string version_text(mqtt::protocol_version version) {
  switch (version) {
    case mqtt::protocol_version::v5:
      return "MQTT 5.0";
    case mqtt::protocol_version::v3_1_1:
      return "MQTT 3.1.1";
    default:
      return "MQTT 3.1";
  }
}

std::string_view name_of(mqtt::ack_kind kind) {
  switch (kind) {
    case mqtt::ack_kind::puback:
      return "PUBACK";
    case mqtt::ack_kind::pubrec:
      return "PUBREC";
    case mqtt::ack_kind::pubrel:
      return "PUBREL";
    case mqtt::ack_kind::pubcomp:
      break;
  }
  return "PUBCOMP";
}

std::string ack_text(mqtt::ack_kind kind, mqtt::packet_id id, mqtt::reason_code reason) {
  std::string text(name_of(kind));
  text += " " + std::to_string(id);
  if (reason != mqtt::reason_code::success) {
    text += ": ";
    text += mqtt::to_string(reason);
  }
  return text;
}

trace_event client_event(trace_hop hop, std::string text) {
  trace_event event;
  event.hop = hop;
  event.text = std::move(text);
  return event;
}

}  // namespace

/// By its id, and by the address of its connection.
trace_slots session_trace::slots(session& s, const trace_set& set) {
  if (s.trace_version_ == set.version()) return s.trace_slots_;
  s.trace_version_ = set.version();
  auto found = set.by_client(s.client_id());
  if (set.of_addresses()) {
    if (s.order_)
      found = static_cast<trace_slots>(found | set.by_address(s.order_->address));
    else if (s.device_ != nullptr)
      found = static_cast<trace_slots>(found | set.by_address(s.device_->look().address));
  }
  return s.trace_slots_ = found;
}

bool session_trace::follows(session& s) {
  return slots(s, s.context_.traces->here()) != 0;
}

bool session_trace::follows(session& s, const mqtt::message& message) {
  const auto& set = s.context_.traces->here();
  return (slots(s, set) | set.by_message(message)) != 0;
}

void session_trace::note(session& s, trace_event event) {
  auto& traces = *s.context_.traces;
  const auto& set = traces.here();
  const auto to = slots(s, set);
  if (to == 0) return;
  event.client = clipped(s.client_id());
  event.at_us = traces.now_us();
  set.record(to, std::move(event));
}

void session_trace::note(session& s, const mqtt::message& message, trace_hop hop, std::string text,
                         std::string reason, mqtt::packet_id packet) {
  auto& traces = *s.context_.traces;
  const auto& set = traces.here();
  const auto to = static_cast<trace_slots>(slots(s, set) | set.by_message(message));
  if (to == 0) return;
  auto event = event_of(message, hop, std::move(text), std::move(reason));
  event.client = clipped(s.client_id());
  event.packet = packet;
  event.at_us = traces.now_us();
  set.record(to, std::move(event));
}

// --- of the client -------------------------------------------------------------------

void session_trace::connected(session& s, const connect_order& order) {
  s.trace_version_ = 0;  // it may come from another address than before
  if (!follows(s)) return;
  const auto& packet = order.packet;
  auto text = "CONNECT from " + order.address + ", " + version_text(packet.version);
  if (!order.username.empty()) text += ", user " + clipped(order.username);
  text += packet.clean_start ? ", clean start" : ", no clean start";
  text += ", expiry " + std::to_string(s.expiry_) + " s, keep alive " +
          std::to_string(packet.keep_alive) + " s, receive maximum " +
          std::to_string(packet.receive_maximum);
  if (packet.maximum_packet_size != 0)
    text += ", maximum packet " + std::to_string(packet.maximum_packet_size);
  if (packet.will) text += ", will on " + clipped(packet.will->topic);
  note(s, client_event(trace_hop::connected, std::move(text)));
}

void session_trace::connack(session& s, bool present) {
  if (!follows(s)) return;
  note(s, client_event(trace_hop::connected,
                       present ? "CONNACK: the session goes on" : "CONNACK: a new session"));
}

void session_trace::refused(session& s, const connect_order& order, mqtt::reason_code reason) {
  trace_refused(s.context_, s.client_id(), order.address, reason, mqtt::to_string(reason));
}

void session_trace::disconnecting(session& s, mqtt::reason_code reason, std::string_view sentence) {
  if (s.device_ == nullptr || !follows(s)) return;
  auto text = "DISCONNECT by the broker: " + std::string(sentence);
  auto event = client_event(trace_hop::disconnected, std::move(text));
  event.reason = mqtt::to_string(reason);
  note(s, std::move(event));
}

void session_trace::gone(session& s, std::string_view why) {
  if (!follows(s)) return;
  auto text = "The connection is over: " + std::string(why);
  if (s.outbound_.inflight() != 0 || s.outbound_.queued() != 0)
    text +=
        "; " + of(s.outbound_.inflight(), "in flight") + ", " + of(s.outbound_.queued(), "queued");
  note(s, client_event(trace_hop::disconnected, std::move(text)));
  if (s.rare_) s.rare_->traced.clear();
}

void session_trace::subscribe(session& s, const mqtt::subscribe_packet& packet,
                              const mqtt::suback_packet& answer) {
  if (!follows(s)) return;
  auto text = "SUBSCRIBE " + std::to_string(packet.id) + ":";
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < packet.entries.size() && i < answer.reasons.size(); ++i) {
    if (i == shown) {
      text += " and " + of(packet.entries.size() - shown, "more");
      break;
    }
    const auto& entry = packet.entries[i];
    text += (i == 0 ? " " : "; ") + clipped(entry.filter) + " QoS " +
            std::to_string(static_cast<unsigned>(entry.options.maximum_qos));
    if (entry.options.no_local) text += " no local";
    text += " -> ";
    text += mqtt::is_error(answer.reasons[i])
                ? std::string(mqtt::to_string(answer.reasons[i]))
                : "granted QoS " + std::to_string(static_cast<unsigned>(answer.reasons[i]));
  }
  auto event = client_event(trace_hop::subscribed, std::move(text));
  event.packet = packet.id;
  note(s, std::move(event));
}

void session_trace::unsubscribe(session& s, const mqtt::unsubscribe_packet& packet,
                                const mqtt::suback_packet& answer) {
  if (!follows(s)) return;
  auto text = "UNSUBSCRIBE " + std::to_string(packet.id) + ":";
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < packet.filters.size() && i < answer.reasons.size(); ++i) {
    if (i == shown) {
      text += " and " + of(packet.filters.size() - shown, "more");
      break;
    }
    text += (i == 0 ? " " : "; ") + clipped(packet.filters[i]) + " -> ";
    text += mqtt::to_string(answer.reasons[i]);
  }
  auto event = client_event(trace_hop::unsubscribed, std::move(text));
  event.packet = packet.id;
  note(s, std::move(event));
}

// --- of what it publishes ------------------------------------------------------------

void session_trace::published(session& s, const client_publish& publish, bool allowed) {
  auto& traces = *s.context_.traces;
  const auto& set = traces.here();
  const auto& message = *publish.body;
  mark_published(traces, set, message, slots(s, set));
  if (!s.context_.traced(message) || set.by_message(message) == 0) return;
  note(s, message, trace_hop::received,
       "PUBLISH " +
           terms_text(message.level(), publish.id, message.payload().size(), message.retain()) +
           " from " + clipped(s.client_id()),
       {}, publish.id);
  if (allowed && s.authorizer_)
    note(s, message, trace_hop::authorized, "The access rules allow it to publish");
  if (publish.id == 0) return;
  // Until it is answered; what a publisher may have unanswered is bounded.
  auto fields = message.to_fields();
  fields.payload = {};
  fields.properties = {};
  s.rare().traced.insert_or_assign(publish.id, mqtt::message::make(fields));
}

void session_trace::will(session& s, const mqtt::message& message, bool allowed) {
  auto& traces = *s.context_.traces;
  const auto& set = traces.here();
  mark_published(traces, set, message, slots(s, set));
  if (!follows(s, message)) return;
  note(s, message, trace_hop::received,
       "The will of " + clipped(s.client_id()) + ", " +
           terms_text(message.level(), 0, message.payload().size(), message.retain()));
  if (!allowed)
    note(s, message, trace_hop::dropped,
         "Refused: the access rules do not allow it to publish there", "not_authorized");
}

void session_trace::not_routed(session& s, const client_publish& publish,
                               troupe::session::inbound_flow::verdict why) {
  using verdict = troupe::session::inbound_flow::verdict;
  const auto& message = *publish.body;
  if (!follows(s, message)) return;
  if (why == verdict::duplicate)
    note(s, message, trace_hop::dropped, "It is known: a QoS 2 message that was sent again",
         "duplicate", publish.id);
  else if (why == verdict::not_now)
    note(s, message, trace_hop::dropped,
         "Refused for now: one before it was, and the client has not been told yet", "no_majority",
         publish.id);
  else if (why == verdict::refused)
    note(s, message, trace_hop::dropped, "Not taken: the client broke the rules of the exchange",
         "protocol_error", publish.id);
}

/// An acknowledgement that leaves, to the publisher or (PUBREL) to a receiver.
void session_trace::answered(session& s, const mqtt::ack_packet& ack) {
  // What it publishes and is followed is known by its packet id.
  const bool known = s.rare_ && !s.rare_->traced.empty();
  if (!known && (!on(s) || !follows(s))) return;
  const auto text = ack_text(ack.kind, ack.id, ack.reason);
  const bool last = ack.kind == mqtt::ack_kind::puback || ack.kind == mqtt::ack_kind::pubcomp ||
                    mqtt::is_error(ack.reason);
  if (ack.kind != mqtt::ack_kind::pubrel && known) {
    auto& all = s.rare_->traced;
    if (const auto it = all.find(ack.id); it != all.end()) {
      note(s, *it->second, trace_hop::answered, text,
           mqtt::is_error(ack.reason) ? std::string(mqtt::to_string(ack.reason)) : std::string(),
           ack.id);
      if (last) all.erase(it);
      return;
    }
  }
  auto event = client_event(
      ack.kind == mqtt::ack_kind::pubrel ? trace_hop::written : trace_hop::answered, text);
  event.packet = ack.id;
  note(s, std::move(event));
}

// --- of what it gets ------------------------------------------------------------------

/// "2 in flight, 0 queued before it".
std::string session_trace::waits(const session& s) {
  return of(s.outbound_.inflight(), "in flight") + ", " +
         of(s.outbound_.queued(), "queued before it");
}

void session_trace::delivered(session& s, const troupe::session::delivery& d) {
  const auto& message = *d.body;
  if (!follows(s, message)) return;
  auto to = "The session of " + clipped(s.client_id());
  switch (s.phase_) {
    case session::phase::ending:
      // Another member of its group gets it, which is told then.
      if (d.share && !d.stored && d.level != mqtt::qos::at_most_once) return;
      return note(s, message, trace_hop::dropped, to + " is at its end", "session_ended");
    case session::phase::resting:
    case session::phase::loading:
      return note(s, message, trace_hop::queued,
                  to + " is asleep or being read: the message stands in the store");
    case session::phase::active:
      break;
  }
  const auto granted = "QoS " + std::to_string(static_cast<unsigned>(d.level));
  if (s.outbound_.has_client())
    return note(s, message, trace_hop::delivered, to + " has it, " + granted + "; " + waits(s));
  if (d.level == mqtt::qos::at_most_once)
    return note(s, message, trace_hop::dropped, to + " has no client now, and QoS 0 does not wait",
                "not_connected");
  note(s, message, trace_hop::queued,
       to + " has no client now: it waits in " + (d.stored ? "the store" : "its queue"));
}

void session_trace::delivered(session& s, const deliver_alike& all) {
  for (const auto& body : all.messages->messages()) {
    if (!on(s, *body)) continue;
    troupe::session::delivery d;
    d.body = body;
    d.level = all.level;
    delivered(s, d);
  }
}

void session_trace::written(session& s, const troupe::session::publish_out& publish) {
  const auto& message = *publish.body;
  if (!follows(s, message)) return;
  note(s, message, trace_hop::written,
       "PUBLISH " +
           terms_text(publish.level, publish.id, message.payload().size(), publish.retain) +
           (publish.dup ? ", again (DUP)" : "") + " to " + clipped(s.client_id()),
       {}, publish.id);
}

void session_trace::written(session& s, const fan_out& messages) {
  for (const auto& body : messages.messages()) {
    if (!on(s, *body)) continue;
    troupe::session::publish_out publish;
    publish.body = body.get();
    written(s, publish);
  }
}

void session_trace::read_from_store(session& s,
                                    const std::vector<troupe::session::delivery>& page) {
  for (const auto& d : page) {
    if (!on(s, *d.body) || !follows(s, *d.body)) continue;
    note(s, *d.body, trace_hop::delivered,
         "The session of " + clipped(s.client_id()) + " has read it from the store; " + waits(s));
  }
}

void session_trace::acknowledged(session& s, const client_ack& ack) {
  const mqtt::message* message = nullptr;
  if (ack.kind != mqtt::ack_kind::pubrel) {
    message = s.outbound_.sent(ack.id);
  } else if (s.rare_) {
    const auto it = s.rare_->traced.find(ack.id);
    if (it != s.rare_->traced.end()) message = it->second.get();
  }
  if (message != nullptr ? !on(s, *message) || !follows(s, *message) : !on(s) || !follows(s))
    return;
  const auto hop =
      ack.kind == mqtt::ack_kind::pubrel ? trace_hop::received : trace_hop::acknowledged;
  auto text = ack_text(ack.kind, ack.id, ack.reason);
  if (message != nullptr) {
    if (hop == trace_hop::acknowledged) text += " of " + clipped(s.client_id());
    return note(
        s, *message, hop, std::move(text),
        mqtt::is_error(ack.reason) ? std::string(mqtt::to_string(ack.reason)) : std::string(),
        ack.id);
  }
  auto event = client_event(hop, std::move(text));
  event.packet = ack.id;
  note(s, std::move(event));
}

void session_trace::redirected(session& s, const troupe::session::delivery& d) {
  if (!follows(s, *d.body)) return;
  note(s, *d.body, trace_hop::redirected,
       clipped(s.client_id()) + " does not take it: to another member of " +
           (d.share ? clipped(*d.share) : std::string("its group")));
}

void session_trace::outdated(session& s, const mqtt::message& message) {
  note(s, message, trace_hop::dropped, "A newer message of the topic came before this retained one",
       "outdated");
}

void session_trace::dropped(session& s, const mqtt::message& message, drop_reason why) {
  if (!follows(s, message)) return;
  // While packets of the client are worked on, what is refused is its own.
  const bool own = s.input_ != nullptr && why == drop_reason::not_authorized;
  std::string text;
  switch (why) {
    case drop_reason::queue_full:
      text = full_text(s.client_id(), s.durable() ? s.who_->owed() : s.outbound_.queued(),
                       s.durable() ? s.who_->owed_bytes() : s.outbound_.queued_bytes(), *s.limits_);
      break;
    case drop_reason::expired:
      text = "It expired before it could be sent to " + clipped(s.client_id());
      break;
    case drop_reason::too_large:
      text = "It is larger than the packets that " + clipped(s.client_id()) + " takes";
      break;
    case drop_reason::output_full:
      text = "The write buffer of the connection of " + clipped(s.client_id()) +
             " is full, and QoS 0 does not wait";
      break;
    case drop_reason::not_authorized:
      text = own ? "Refused: the access rules do not allow " + clipped(s.client_id()) +
                       " to publish there"
                 : "The access rules do not allow " + clipped(s.client_id()) + " to receive it";
      break;
    case drop_reason::administrator:
      text = "Dropped from the queue of " + clipped(s.client_id()) + " by an administrator";
      break;
    case drop_reason::session_ended:
      text = "The session of " + clipped(s.client_id()) + " has ended";
      break;
  }
  note(s, message, trace_hop::dropped, std::move(text), std::string(word_of(why)));
}

}  // namespace troupe::broker
