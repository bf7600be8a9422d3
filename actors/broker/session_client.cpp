// The packets of the client, and the messages for it.

#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/trace/session_trace.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

// So many messages before it is sent, one is fetched from memory.
constexpr std::size_t fetch_ahead = 4;

}  // namespace

void session::on_input(const std::shared_ptr<client_batch>& batch) {
  if (!connected_ || batch->connection != connection_) return;
  if (!changes_.empty() || !held_input_.empty()) {
    // What follows a SUBSCRIBE must find it in force. The credit of the batch
    // holds back the socket meanwhile.
    held_input_.push_back({batch, 0});
    return;
  }
  if (const auto done = work_on(batch, 0); done < batch->packets.size())
    held_input_.push_back({batch, done});
}

void session::continue_input() {
  while (changes_.empty() && !held_input_.empty()) {
    const auto next = held_input_.front();
    const auto done = work_on(next.batch, next.done);
    if (held_input_.empty()) return;  // a packet has ended the connection
    held_input_.front().done = done;
    if (done < next.batch->packets.size()) return;
    held_input_.pop_front();
  }
}

std::size_t session::work_on(const std::shared_ptr<client_batch>& keep, std::size_t from) {
  auto& batch = *keep;
  if (batch.connection != connection_) return batch.packets.size();
  input_ = keep;
  for (; from < batch.packets.size(); ++from) {
    // A packet before it may have ended the connection. (That the client has
    // gone meanwhile is no reason to forget what it said.)
    if (input_over_) {
      from = batch.packets.size();
      break;
    }
    if (!changes_.empty()) break;
    auto& packet = batch.packets[from];
    if (auto* publish = std::get_if<client_publish>(&packet)) {
      on_publish(*publish);
    } else if (auto* ack = std::get_if<client_ack>(&packet)) {
      on_ack(*ack);
    } else if (std::holds_alternative<mqtt::pingreq_packet>(packet)) {
      send_pingresp();
    } else {
      on_request(*std::get<std::unique_ptr<client_request>>(packet));
    }
  }
  input_.reset();
  return from;
}

void session::on_request(const client_request& request) {
  if (auto* subscribe = std::get_if<mqtt::subscribe_packet>(&request)) return on_subscribe(*subscribe);
  if (auto* unsubscribe = std::get_if<mqtt::unsubscribe_packet>(&request))
    return on_unsubscribe(*unsubscribe);
  on_disconnect(std::get<mqtt::disconnect_packet>(request));
}

void session::on_publish(client_publish& publish) {
  const auto& message = *publish.body;
  context_.count(observe::messages_received(static_cast<unsigned>(message.level())));
  auto& counted = counts();
  ++counted.received[static_cast<std::size_t>(message.level())];
  counted.received_bytes += message.payload().size();
  if (message.timed() && publish.id != 0 && counted.publishing.id == 0)
    counted.publishing = {message.timed_at(), publish.id, false};
  context_.count(counter::message_bytes_received, message.payload().size());
  if (const auto version = context_.authorizer.version(); version != authorizer_version_) {
    authorizer_ = context_.authorizer.get();
    authorizer_version_ = version;
  }
  const bool allowed =
      !authorizer_ || authorizer_->may_publish(identity(), message.topic());
  context_.count(allowed ? counter::authorization_allow : counter::authorization_deny);
  if (context_.traced()) session_trace::published(*this, publish, allowed);
  if (message.level() == mqtt::qos::at_most_once) {
    if (!allowed) return dropped(message, troupe::session::drop_reason::not_authorized);
    route({std::move(publish.body), 0, 0});
    return;
  }
  const auto result = inbound_.publish(message.level(), publish.id, *this);
  const bool once = context_.remote != nullptr && message.level() == mqtt::qos::exactly_once;
  if (once && result.what == troupe::session::inbound_flow::verdict::not_now)
    refused_at(context_.shard_of(message.topic()));
  if (result.what != troupe::session::inbound_flow::verdict::route) {
    if (session_trace::on(*this, message)) session_trace::not_routed(*this, publish, result.what);
    return;
  }
  if (!allowed) {
    dropped(message, troupe::session::drop_reason::not_authorized);
    inbound_.completed(result.token, mqtt::reason_code::not_authorized, *this);
    return;
  }
  if (once) {
    // It would have to be recorded first. (One that was recorded before is not refused: the client
    // could use its packet id for another message.)
    if (durable() && !result.recorded && kept_out_of_reach()) {
      context_.count(counter::publishes_refused_no_majority);
      refused_at(context_.shard_of(message.topic()));
      return inbound_.completed(result.token, mqtt::reason_code::quota_exceeded, *this);
    }
    return route_once(publish, result);
  }
  const bool remember = durable() && message.level() == mqtt::qos::exactly_once;
  route({std::move(publish.body), result.token, remember ? publish.id : mqtt::packet_id{0}});
}

void session::on_ack(const client_ack& ack) {
  if (context_.traced()) session_trace::acknowledged(*this, ack);
  if (counts_ && counts_->receiving.id == ack.id && ack.kind != mqtt::ack_kind::pubrel)
    take_time(observe::latency_stage::acknowledged, counts_->receiving);
  switch (ack.kind) {
    case mqtt::ack_kind::puback:
      return outbound_.puback(ack.id, now(), *this);
    case mqtt::ack_kind::pubrec:
      return outbound_.pubrec(ack.id, ack.reason, now(), *this);
    case mqtt::ack_kind::pubcomp:
      return outbound_.pubcomp(ack.id, now(), *this);
    case mqtt::ack_kind::pubrel:
      return inbound_.pubrel(ack.id, *this);
  }
}

void session::take_time(observe::latency_stage stage, client_counts::timed_exchange& of) {
  context_.time(stage, of.since, of.of_another_node);
  of = {};
}

void session::on_disconnect(const mqtt::disconnect_packet& packet) {
  if (packet.session_expiry) {
    // [MQTT-3.1.2-23 and 3.14.2.2.2]: none at CONNECT is none for ever.
    if (expiry_ == 0 && *packet.session_expiry != 0)
      return disconnect(mqtt::reason_code::protocol_error,
                        "Session expiry at DISCONNECT though it was 0 at CONNECT");
    expiry_ = std::min(*packet.session_expiry, limits_->max_session_expiry);
  }
  clean_goodbye_ = packet.reason == mqtt::reason_code::success;  // [MQTT-3.14.4-3]
  if (clean_goodbye_) will_.reset();
  input_over_ = true;
  if (auto* device = std::exchange(device_, nullptr)) device->close();
}

void session::on_outcomes(const publish_outcomes& outcomes) {
  for (const auto& [token, reason] : outcomes) {
    if (token == replay_token) {
      replayed_on(1);
    } else if (rare_ && rare_->receiving.contains(token)) {
      taken(token, reason);
    } else {
      inbound_.completed(token, reason, *this);
    }
  }
}

bool session::may_receive(std::string_view topic) {
  if (const auto version = context_.authorizer.version(); version != authorizer_version_) {
    authorizer_ = context_.authorizer.get();
    authorizer_version_ = version;
  }
  return !authorizer_ || authorizer_->may_receive(identity(), topic);
}

void session::on_deliver(const deliver_alike& all) {
  if (phase_ != phase::active) return;  // nothing is kept for it
  if (context_.traced()) session_trace::delivered(*this, all);
  const auto& messages = all.messages->messages();
  const bool allowed = may_receive(messages.front()->topic());  // it is the same of all
  if (allowed && all.messages->alike_at(all.level) && device_ != nullptr &&
      outbound_.has_client() && device_->send(*all.messages)) {
    auto& counted = counts();
    counted.sent[0] += messages.size();
    counted.sent_bytes += all.messages->payload_bytes();
    if (const auto* timed = all.messages->timed())
      context_.time(observe::latency_stage::sent, *timed);
    if (context_.traced()) session_trace::written(*this, *all.messages);
    return;
  }
  for (const auto& body : messages) {
    if (!allowed) {
      dropped(*body, troupe::session::drop_reason::not_authorized);
      continue;
    }
    troupe::session::delivery d;
    d.body = body;
    d.level = all.level;
    outbound_.offer(std::move(d), now(), *this);
  }
}

void session::on_deliver(troupe::session::deliveries& messages) {
  if (context_.traced())
    for (const auto& d : messages)
      if (session_trace::on(*this, *d.body)) session_trace::delivered(*this, d);
  if (phase_ == phase::ending) {
    // It was chosen for its group before that was known; what stands in the store is handed over.
    for (const auto& d : messages)
      if (d.share && !d.stored && d.level != mqtt::qos::at_most_once) redispatch(d);
    return;
  }
  if (phase_ == phase::resting) return;
  if (phase_ == phase::loading) return;  // it stands in the store
  for (std::size_t i = 0; i < messages.size(); ++i) {
    // What has waited for the disk is cold.
    if (i + fetch_ahead < messages.size()) messages[i + fetch_ahead].body->prefetch();
    auto& d = messages[i];
    if (!may_receive(d.body->topic())) {
      dropped(*d.body, troupe::session::drop_reason::not_authorized);
      if (d.stored) settle(d.stored, d.body->footprint());
      continue;
    }
    if (d.replayed && outdated(d.body->topic())) {
      if (session_trace::on(*this, *d.body)) session_trace::outdated(*this, *d.body);
      settle(d.stored, d.body->footprint());
      continue;
    }
    if (d.body->retain() && !d.replayed) note_newer(d.body->topic());
    outbound_.offer(std::move(d), now(), *this);
  }
}

}  // namespace troupe::broker
