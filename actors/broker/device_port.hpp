#pragma once

#include <cstdint>
#include <string_view>

#include <caf/actor_control_block.hpp>

#include "actors/broker/fan_out.hpp"
#include "actors/broker/inspect/client_view.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/session_id.hpp"
#include "protocol/session/effects.hpp"

namespace troupe::broker {

/// The session that a connection belongs to, as the connection sees it.
class device_owner {
 public:
  /// The port is about to go: forget it at once. What follows from that comes
  /// later, as a client_gone message.
  virtual void device_lost() noexcept = 0;

 protected:
  ~device_owner() = default;
};

/// A connection as its session sees it: both live on the same run loop, so
/// these are plain calls.
class device_port {
 public:
  virtual ~device_port() = default;

  /// Sends CONNACK and begins to hand packets to `session`.
  virtual void accepted(session_id id, caf::strong_actor_ptr session, device_owner& owner,
                        const mqtt::connack_packet& connack) = 0;
  /// CONNACK with a failure, then the connection ends.
  virtual void refused(mqtt::reason_code reason, std::string_view sentence) = 0;

  virtual void send(const troupe::session::publish_out& publish) = 0;
  /// All of them at QoS 0; false, and nothing happens, if this client needs an
  /// encoding of its own or the write buffer has no room.
  virtual bool send(const fan_out& messages) = 0;
  virtual void send(const mqtt::ack_packet& ack) = 0;
  virtual void send(const mqtt::suback_packet& suback) = 0;
  virtual void send_pingresp() = 0;
  /// False while the write buffer is full; client_drained follows.
  virtual bool writable() = 0;
  /// Version 5 clients are told with a DISCONNECT; then the connection ends.
  virtual void disconnect(mqtt::reason_code reason, std::string_view sentence) = 0;
  /// The client said goodbye.
  virtual void close() = 0;
  /// For administrators.
  virtual device_view look() const { return {}; }
};

}  // namespace troupe::broker
