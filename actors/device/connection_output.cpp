// What leaves on a connection: CONNACK, messages and their acknowledgements, DISCONNECT.

#include "actors/broker/tell.hpp"
#include "actors/broker/trace/hops.hpp"
#include "actors/device/connection.hpp"
#include "actors/device/device_loop.hpp"
#include "protocol/mqtt/encoder.hpp"

namespace troupe::device {

using mqtt::reason_code;
using observe::counter;

template <class Packet>
void connection::write(const Packet& packet, unsigned type) {
  auto& out = loop_.scratch();
  out.clear();
  if (!mqtt::encode(out, packet, version_, client_packet_limit_)) return;
  loop_.counters().add(observe::packets_sent(type));
  loop_.counters().add(counter::bytes_sent, out.size());
  transport_->write(out);
  loop_.loop().flush_later(*this);
}

template void connection::write(const mqtt::auth_packet& packet, unsigned type);

void connection::accepted(session_id id, caf::strong_actor_ptr session,
                          broker::device_owner& owner, const mqtt::connack_packet& connack) {
  if (state_ != state::opening) {
    // The client left while its session was on the way.
    owner.device_lost();
    broker::tell(session, broker::client_gone{number_, "Closed before it was answered"});
    if (state_ == state::abandoned) forget();
    return;
  }
  session_id_ = id.value;
  session_ = std::move(session);
  owner_ = &owner;
  const auto& packet = admission_->order->packet;
  mqtt::connack_packet answer = connack;
  answer.maximum_packet_size = settings_->max_packet_size;
  answer.topic_alias_maximum = settings_->max_topic_alias;
  problem_information_ = packet.request_problem_information;
  client_packet_limit_ = packet.maximum_packet_size;
  if (packet.topic_alias_maximum != 0)
    aliases_out_ = std::make_unique<session::outbound_aliases>(
        std::min(packet.topic_alias_maximum, settings_->max_topic_alias));
  keep_alive(connack.server_keep_alive.value_or(packet.keep_alive));
  // The method is kept for re-authentication; the order is the session's.
  if (admission_->method.empty())
    admission_.reset();
  else
    admission_->order.reset();
  state_ = state::open;
  no_longer_in_progress();
  write(answer, 2);
  resume(by_admission);
  if (!rest_.empty()) {
    // Packets that came behind CONNECT; not from within a call of the session.
    loop_.loop().defer([&loop = loop_, number = number_] {
      if (auto* c = loop.find(number)) c->on_read({});
    });
  }
}

void connection::refused(reason_code reason, std::string_view sentence) {
  if (state_ == state::abandoned) return forget();
  if (state_ == state::closing || state_ == state::open) return;
  // It had no session yet that could be taken over: a CONNACK has no such reason.
  if (reason == reason_code::session_taken_over) reason = reason_code::server_busy;
  if (loop_.context().traced())
    broker::trace_refused(
        loop_.context(),
        admission_ && admission_->order ? admission_->order->packet.client_id : std::string(),
        transport_->peer().address, reason, sentence);
  mqtt::connack_packet answer;
  answer.reason = reason;
  answer.info.reason_string = sentence;
  answer.server_reference = server_reference(reason);
  state_ = state::closing;
  no_longer_in_progress();
  owner_ = nullptr;
  write(answer, 2);
  transport_->close();
}

void connection::send(const session::publish_out& publish) {
  if (state_ != state::open) return;
  const auto& body = *publish.body;
  mqtt::publish_form form;
  form.id = publish.id;
  form.level = publish.level;
  form.retain = publish.retain;
  form.dup = publish.dup;
  form.subscription_ids = publish.subscription_ids;
  if (aliases_out_) {
    const auto choice = aliases_out_->choose(body.topic());
    form.topic_alias = choice.alias;
    form.send_topic = choice.send_topic;
  }
  if (body.expires_at() != 0) {
    const auto left = (body.expires_at() - loop_.loop().wall() + 999) / 1000;
    form.expiry = static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1));
  }
  auto& out = loop_.scratch();
  out.clear();
  mqtt::encode_publish(out, body, form, version_);
  auto& counts = loop_.counters();
  counts.add(observe::packets_sent(3));
  counts.add(observe::messages_sent(static_cast<unsigned>(publish.level)));
  counts.add(counter::message_bytes_sent, body.payload().size());
  counts.add(counter::bytes_sent, out.size());
  transport_->write(out);
  loop_.loop().flush_later(*this);
}

bool connection::send(const broker::fan_out& messages) {
  if (state_ != state::open || aliases_out_ || client_packet_limit_ != 0) return false;
  const auto& packets = messages.packets(version_);
  if (transport_->pending() + packets.size() > settings_->max_write_buffer) return false;
  auto& counts = loop_.counters();
  const auto count = messages.messages().size();
  counts.add(observe::packets_sent(3), count);
  counts.add(observe::messages_sent(0), count);
  counts.add(counter::message_bytes_sent, messages.payload_bytes());
  counts.add(counter::bytes_sent, packets.size());
  transport_->write(packets);
  loop_.loop().flush_later(*this);
  return true;
}

void connection::send(const mqtt::ack_packet& ack) {
  if (state_ == state::open) write(ack, static_cast<unsigned>(ack.kind));
}
void connection::send(const mqtt::suback_packet& suback) {
  if (state_ == state::open) write(suback, suback.unsubscribe ? 11 : 9);
}
void connection::send_pingresp() {
  if (state_ == state::open) write(mqtt::pingresp_packet{}, 13);
}

bool connection::writable() {
  if (state_ != state::open) return false;
  if (transport_->pending() < settings_->max_write_buffer) return true;
  drain_wanted_ = true;
  transport_->notify_below(settings_->max_write_buffer / 2);
  return false;
}

void connection::disconnect(reason_code reason, std::string_view sentence) {
  if (state_ == state::closing) return;
  if (state_ == state::open && version_ == mqtt::protocol_version::v5) {
    mqtt::disconnect_packet goodbye;
    goodbye.reason = reason;
    if (problem_information_) goodbye.info.reason_string = sentence;
    goodbye.server_reference = server_reference(reason);
    write(goodbye, 14);
  } else if (state_ == state::authenticating || state_ == state::opening ||
             state_ == state::abandoned) {
    return refused(reason, sentence);
  }
  close(sentence);
}

}  // namespace troupe::device
