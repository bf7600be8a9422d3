#pragma once

#include "actors/broker/session.hpp"
#include "actors/broker/trace/trace_set.hpp"

#include <string>
#include <string_view>

namespace troupe::broker {

/// What a session tells of its client and of messages from and for it. Called on the home loop of
/// the session.
struct session_trace {
  /// Whether its client may be followed; asked before each of the others.
  static bool on(const session& s) noexcept {
    return s.context_.traced() &&
           (s.trace_slots_ != 0 || s.trace_version_ != s.context_.tracing.version());
  }
  /// The same, or that message.
  static bool on(const session& s, const mqtt::message& message) noexcept {
    return s.context_.traced() && (s.context_.traced(message) || on(s));
  }

  // --- of the client ---
  static void connected(session& s, const connect_order& order);
  static void connack(session& s, bool present);
  static void refused(session& s, const connect_order& order, mqtt::reason_code reason);
  static void disconnecting(session& s, mqtt::reason_code reason, std::string_view sentence);
  static void gone(session& s, std::string_view why);
  static void subscribe(session& s, const mqtt::subscribe_packet& packet,
                        const mqtt::suback_packet& answer);
  static void unsubscribe(session& s, const mqtt::unsubscribe_packet& packet,
                          const mqtt::suback_packet& answer);

  // --- of what it publishes ---
  /// Marks the message.
  static void published(session& s, const client_publish& publish, bool allowed);
  static void will(session& s, const mqtt::message& message, bool allowed);
  static void not_routed(session& s, const client_publish& publish,
                         troupe::session::inbound_flow::verdict why);
  static void answered(session& s, const mqtt::ack_packet& ack);

  // --- of what it gets ---
  static void delivered(session& s, const troupe::session::delivery& d);
  static void delivered(session& s, const deliver_alike& all);
  static void written(session& s, const troupe::session::publish_out& publish);
  static void written(session& s, const fan_out& messages);
  static void read_from_store(session& s, const std::vector<troupe::session::delivery>& page);
  static void acknowledged(session& s, const client_ack& ack);
  static void redirected(session& s, const troupe::session::delivery& d);
  static void outdated(session& s, const mqtt::message& message);
  static void dropped(session& s, const mqtt::message& message, troupe::session::drop_reason why);

 private:
  static trace_slots slots(session& s, const trace_set& set);
  /// Asked before words are made: what is not followed pays for no text.
  static bool follows(session& s);
  static bool follows(session& s, const mqtt::message& message);
  static void note(session& s, trace_event event);
  static void note(session& s, const mqtt::message& message, trace_hop hop, std::string text,
                   std::string reason = {}, mqtt::packet_id packet = 0);
  static std::string waits(const session& s);
};

}  // namespace troupe::broker
