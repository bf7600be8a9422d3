#pragma once

#include "protocol/mqtt/framing.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/reason_code.hpp"

#include <optional>
#include <utility>
#include <variant>

/// Frames to packets, for both directions and all versions. Pure functions,
/// safe on any thread. What they return has been checked against every rule of
/// the specification that one packet alone can break; rules that need the state
/// of the connection (aliases, order, windows, direction) are the caller's, as
/// is whether a topic filter is well formed, and whether a payload is the
/// UTF-8 that its payload format indicator says.
namespace troupe::mqtt {

/// Why a packet was refused: the code to answer with, and a sentence without a
/// full stop for the log and the reason string. The sentence is a literal.
struct decode_error {
  reason_code reason = reason_code::malformed_packet;
  const char* sentence = "";
};

/// A packet, or why there is none.
template <class T>
class [[nodiscard]] decoded {
 public:
  decoded(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  decoded(decode_error error) : state_(std::in_place_index<1>, error) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const noexcept { return *std::get_if<0>(&state_); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }
  /// Only when there is no value.
  const decode_error& error() const noexcept { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, decode_error> state_;
};

/// The version that a CONNECT names, none if it is not one that we speak. Tells
/// in which version to answer a CONNECT that decode_connect() refused.
std::optional<protocol_version> connect_version(const frame& from) noexcept;

/// CONNECT of 3.1 ("MQIsdp", 3), 3.1.1 ("MQTT", 4) and 5.0 ("MQTT", 5); others:
/// unsupported_protocol_version [MQTT-3.1.2-1]. An empty client id where the
/// version wants one is client_identifier_not_valid.
decoded<connect_packet> decode_connect(const frame& from);

/// Fills `out`, whose old content is dropped (its storage is used again). The
/// views point into the frame. No allocation when the forwarded properties
/// stand together. An empty topic passes only with an alias; subscription ids
/// are left for the caller, to whom a client may not send them [MQTT-3.3.4-6].
[[nodiscard]] std::optional<decode_error> decode_publish(const frame& from,
                                                         protocol_version version,
                                                         publish_packet& out);

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
decoded<ack_packet> decode_ack(const frame& from, protocol_version version);
decoded<subscribe_packet> decode_subscribe(const frame& from, protocol_version version);
decoded<unsubscribe_packet> decode_unsubscribe(const frame& from, protocol_version version);
/// Accepts the reason codes of both directions.
decoded<disconnect_packet> decode_disconnect(const frame& from, protocol_version version);
decoded<auth_packet> decode_auth(const frame& from, protocol_version version);
/// Version 3 codes come back as those of version 5.
decoded<connack_packet> decode_connack(const frame& from, protocol_version version);
/// SUBACK and UNSUBACK. The failure of version 3 is unspecified_error.
decoded<suback_packet> decode_suback(const frame& from, protocol_version version);

/// Any packet. `version` is that of the connection (a CONNECT brings its own).
decoded<packet> decode(const frame& from, protocol_version version);

}  // namespace troupe::mqtt
