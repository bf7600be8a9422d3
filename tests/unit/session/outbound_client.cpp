// The client of the simulated world, and what is held of every packet for it.

#include "protocol/mqtt/encoder.hpp"
#include "tests/unit/session/outbound_world.hpp"

#include <algorithm>
#include <utility>

namespace troupe::session::test {

namespace {

std::size_t number_of(const mqtt::message& message) {
  return std::stoul(std::string(message.payload()));
}

std::size_t wire_size(const publish_out& publish, mqtt::protocol_version version) {
  mqtt::publish_form form;
  form.id = publish.id;
  form.level = publish.level;
  if (publish.body->expires_at() != 0) form.expiry = 1;
  return mqtt::encoded_size(*publish.body, form, version);
}

}  // namespace

// --- the connection --------------------------------------------------------------------

client_terms outbound_world::any_terms() {
  client_terms terms;
  if (chance(30)) {
    terms.version = mqtt::protocol_version::v3_1_1;
    return terms;
  }
  terms.receive_maximum = static_cast<std::uint16_t>(chance(20) ? 65535 : 1 + below(10));
  if (chance(20)) terms.maximum_packet_size = 100 + below(200);
  return terms;
}

void outbound_world::connect(client_terms terms) {
  note("connect, receive maximum " + std::to_string(terms.receive_maximum) + ", packets to " +
       std::to_string(terms.maximum_packet_size));
  connected_ = true;
  terms_ = terms;
  turn([&] { flow_->connected(terms, now_, *this); });
}

void outbound_world::lose_connection() {
  note("connection lost");
  connected_ = false;
  to_client_.clear();
  to_broker_.clear();
  unacknowledged_.clear();
  last_here_.clear();
  turn([&] { flow_->disconnected(); });
  if (durable_) return;
  turn([&] { flow_->abandon(*this); });
  for (auto& o : offers_) o.clear();
  for (auto& f : fates_) f.over = true;
  received_.clear();
  in_use_.clear();
  last_first_.clear();
  restart();
}

// --- from the flow -----------------------------------------------------------------------

void outbound_world::send(const publish_out& publish) {
  const auto number = number_of(*publish.body);
  note("> PUBLISH " + std::to_string(number) + " qos " +
       std::to_string(static_cast<int>(publish.level)) + " id " + std::to_string(publish.id) +
       (publish.dup ? " dup" : ""));
  if (!connected_) fail("PUBLISH without a connection");
  // A QoS 2 message that waited for its record was let in when there was room.
  const bool recorded = durable_ && publish.level == mqtt::qos::exactly_once;
  if (!writable_ && !recorded) fail("PUBLISH into a full connection");
  check_publish(publish, number);
  if (publish.level != mqtt::qos::at_most_once) check_id(publish, number);
  ++fates_[number].transmitted;
  to_client_.push_back({false, publish.id, publish.level, number});
}

void outbound_world::check_publish(const publish_out& publish, std::size_t number) {
  const auto& f = fates_[number];
  if (f.dropped != 0) fail("sent though it was dropped");
  if (publish.level != f.level) fail("sent with another QoS than granted");
  if (!publish.dup && publish.body->expired(now_)) fail("an expired message was sent");
  const auto limit = terms_.maximum_packet_size;
  if (limit != 0 && wire_size(publish, terms_.version) > limit) fail("larger than the client takes");
  const auto sequence = std::pair(f.topic, f.level);
  auto& here = last_here_.try_emplace(sequence, 0).first->second;
  if (number + 1 <= here && !f.revived) fail("out of order on this connection");
  here = std::max(here, number + 1);
  if (f.transmitted != 0 || f.revived) return;
  auto& first = last_first_.try_emplace(sequence, 0).first->second;
  if (number + 1 <= first) fail("first transmission out of order");
  first = number + 1;
}

void outbound_world::check_id(const publish_out& publish, std::size_t number) {
  const auto id = publish.id;
  if (id == 0) fail("packet id 0");
  const auto window = std::min<std::uint32_t>(terms_.receive_maximum, limits_.max_inflight);
  if (!unacknowledged_.insert(id).second) fail("sent again on one connection");
  if (unacknowledged_.size() > window) fail("more than the window allows");
  if (auto it = in_use_.find(id); it != in_use_.end()) {
    if (it->second.number != number) fail("packet id in use by another message");
    if (it->second.released) fail("PUBLISH again after PUBREL");
    if (!publish.dup && !it->second.doubtful) fail("sent again without DUP");
  } else {
    if (publish.dup) fail("DUP on a first transmission");
    in_use_[id] = {number, false, false};
  }
  if (!durable_ || publish.level != mqtt::qos::exactly_once) return;
  const auto record = store_.outgoing.find(id);
  if (record == store_.outgoing.end() || record->second.released)
    fail("QoS 2 PUBLISH before its packet id was written");
}

void outbound_world::send(const mqtt::ack_packet& ack) {
  note("> PUBREL " + std::to_string(ack.id));
  if (!connected_) fail("an answer without a connection");
  if (ack.kind != mqtt::ack_kind::pubrel) fail("only PUBREL goes to a receiver");
  const auto it = in_use_.find(ack.id);
  if (ack.reason == mqtt::reason_code::success) {
    if (it == in_use_.end()) fail("PUBREL for no exchange");
    it->second.released = true;
    const auto record = store_.outgoing.find(ack.id);
    if (durable_ && (record == store_.outgoing.end() || !record->second.released))
      fail("PUBREL before the release was written");
  } else if (it != in_use_.end()) {
    fail("the flow forgot an exchange");
  }
  to_client_.push_back({true, ack.id, mqtt::qos::exactly_once, 0});
}

void outbound_world::disconnect(mqtt::reason_code, std::string_view sentence) {
  fail("a client that did no wrong was disconnected: " + std::string(sentence));
}

void outbound_world::redispatch(const delivery& message) {
  auto& f = fates_[number_of(*message.body)];
  if (!f.shared || durable_) fail("redispatched though it was not shared, or is stored");
  if (++f.redispatched > 1) fail("redispatched twice");
}

void outbound_world::dropped(const mqtt::message& message, drop_reason why) {
  const auto number = number_of(message);
  note("dropped " + std::to_string(number) + " for reason " +
       std::to_string(static_cast<int>(why)));
  auto& f = fates_[number];
  if (++f.dropped > 1) fail("dropped twice");
  const bool right = why == drop_reason::expired      ? message.expired(now_)
                     : why == drop_reason::too_large  ? terms_.maximum_packet_size != 0
                     : why == drop_reason::queue_full || why == drop_reason::administrator
                         ? f.level != mqtt::qos::at_most_once
                         : why == drop_reason::output_full && !writable_;
  if (!right) fail("dropped for a wrong reason");
}

// --- the client ------------------------------------------------------------------------------

void outbound_world::client_reads() {
  if (to_client_.empty()) return;
  const auto packet = to_client_.front();
  to_client_.pop_front();
  auto answer = [&](mqtt::ack_kind kind, mqtt::reason_code reason = mqtt::reason_code::success) {
    to_broker_.push_back({kind, packet.id, reason, {}});
  };
  if (packet.pubrel) {
    const bool known = received_.erase(packet.id) != 0;
    return answer(mqtt::ack_kind::pubcomp, known
                                               ? mqtt::reason_code::success
                                               : mqtt::reason_code::packet_identifier_not_found);
  }
  auto& f = fates_[packet.number];
  if (packet.level == mqtt::qos::exactly_once) {
    if (const auto it = received_.find(packet.id); it != received_.end()) {
      if (it->second != packet.number) fail("the client takes a new message for an old one");
      return answer(mqtt::ack_kind::pubrec);
    }
    if (chance(3)) {
      ++f.refused;
      return answer(mqtt::ack_kind::pubrec, mqtt::reason_code::quota_exceeded);
    }
    received_[packet.id] = packet.number;
    if (f.delivered != 0) fail("QoS 2 message " + std::to_string(packet.number) + " came twice");
  }
  ++f.delivered;
  if (packet.level == mqtt::qos::exactly_once) return answer(mqtt::ack_kind::pubrec);
  if (packet.level == mqtt::qos::at_least_once) answer(mqtt::ack_kind::puback);
}

void outbound_world::client_is_heard() {
  if (to_broker_.empty()) return;
  const auto ack = to_broker_.front();
  to_broker_.pop_front();
  note("< " + std::to_string(static_cast<int>(ack.kind)) + " id " + std::to_string(ack.id) +
       " reason " + std::to_string(static_cast<int>(ack.reason)));
  const bool refusal = ack.kind == mqtt::ack_kind::pubrec && is_error(ack.reason);
  if (ack.kind != mqtt::ack_kind::pubrec || refusal) {
    unacknowledged_.erase(ack.id);
    in_use_.erase(ack.id);
  }
  turn([&] {
    if (ack.kind == mqtt::ack_kind::puback) flow_->puback(ack.id, now_, *this);
    if (ack.kind == mqtt::ack_kind::pubrec) flow_->pubrec(ack.id, ack.reason, now_, *this);
    if (ack.kind == mqtt::ack_kind::pubcomp) flow_->pubcomp(ack.id, now_, *this);
  });
}

}  // namespace troupe::session::test
