#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/mqtt/packet.hpp"
#include "protocol/session/delivery.hpp"
#include "protocol/session/origin.hpp"

namespace troupe::session {

/// A PUBLISH for the client; the connection encodes it.
struct publish_out {
  const mqtt::message* body = nullptr;
  mqtt::packet_id id = 0;
  mqtt::qos level = mqtt::qos::at_most_once;
  bool retain = false;
  bool dup = false;
  std::span<const std::uint32_t> subscription_ids{};
};

/// A message of the client for its topic shard. `token` comes back with
/// inbound_flow::completed(); 0: nobody waits for the outcome (QoS 0).
struct routed_publish {
  mqtt::message_ptr body;
  std::uint64_t token = 0;
  /// QoS 2 of a durable session: written together with the message, so that a
  /// retransmission after a crash is known as one.
  mqtt::packet_id received = 0;
  origin from{};       // QoS 2 in a cluster
  bool begun = false;  // was routed before, perhaps
};

enum class drop_reason : std::uint8_t {
  queue_full,
  expired,
  too_large,
  output_full,
  not_authorized,
  session_ended,
  administrator,  // by order
};

/// What the rules of a session ask of the world. They call nothing else, so
/// that a test needs no socket, no store and no clock.
class session_effects {
 public:
  virtual ~session_effects() = default;

  // --- to the client; only called while there is one ---
  virtual void send(const publish_out& publish) = 0;
  virtual void send(const mqtt::ack_packet& ack) = 0;
  virtual void send(const mqtt::suback_packet& suback) = 0;
  virtual void send_pingresp() = 0;
  /// False while the write buffer of the connection is full.
  virtual bool writable() = 0;
  /// Whether what is sent has a connection to go to.
  virtual bool hears() const { return true; }
  /// Ends the connection; version 5 clients are told why.
  virtual void disconnect(mqtt::reason_code reason, std::string_view sentence) = 0;

  // --- to the broker ---
  virtual void route(routed_publish publish) = 0;
  /// A message chosen for this client by a shared subscription that it will
  /// not take: for another member of the group.
  virtual void redispatch(const delivery& message) = 0;
  virtual void dropped(const mqtt::message& message, drop_reason why) = 0;

  // --- to the store; only called for durable sessions ---
  /// outbound_flow::recorded() follows when it is committed.
  virtual void record_outgoing(mqtt::packet_id id, std::uint64_t order, bool released) = 0;
  virtual void erase_outgoing(mqtt::packet_id id) = 0;
  virtual void settle(const stored_place& place, std::size_t bytes) = 0;
  /// inbound_flow::released() follows when it is committed.
  virtual void erase_received(mqtt::packet_id id) = 0;
  /// outbound_flow::page() follows.
  virtual void want_page(std::uint64_t after, std::uint32_t count, std::uint64_t bytes) = 0;
};

}  // namespace troupe::session
