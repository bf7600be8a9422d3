#pragma once

#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/message.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

/// Packets to bytes, for both directions and all versions, appended to `out`.
/// Pure functions, safe on any thread.
namespace troupe::mqtt {

// Each returns whether the packet was appended. It is not when it would be
// larger than `maximum_packet_size` (whole packet, 0: no limit), when a string
// in it is longer than 65535 bytes, or when the version has no such packet;
// `out` is then as it was. Reason string and user properties of an answer are
// left out rather than let it fail [MQTT-3.2.2-19, 3.2.2-20 and others like them].

bool encode(std::string& out, const connect_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
/// Version 3 gets the nearest of its codes 1..5, and 3.1 no session-present flag.
bool encode(std::string& out, const connack_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
bool encode(std::string& out, const publish_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
/// Version 3 loses the reason.
bool encode(std::string& out, const ack_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
bool encode(std::string& out, const subscribe_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
/// Version 3 gets 0x80 for every failure.
bool encode(std::string& out, const suback_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
bool encode(std::string& out, const unsubscribe_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
bool encode(std::string& out, const pingreq_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
bool encode(std::string& out, const pingresp_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
/// A version 3 server has no DISCONNECT; it closes the connection instead.
bool encode(std::string& out, const disconnect_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
/// Never appended for version 3.
bool encode(std::string& out, const auth_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);
/// A CONNECT ignores `version` in favour of its own.
bool encode(std::string& out, const packet& from, protocol_version version,
            std::uint32_t maximum_packet_size = 0);

/// What one receiver's copy of a message has of its own. Version 3 uses the
/// first four only.
struct publish_form {
  packet_id id = 0;  // needed above QoS 0
  qos level = qos::at_most_once;
  bool retain = false;
  bool dup = false;
  std::uint16_t topic_alias = 0;        // 0: none
  bool send_topic = true;               // false: the alias stands for it
  std::optional<std::uint32_t> expiry;  // seconds left
  std::span<const std::uint32_t> subscription_ids;
};

/// Bytes of the whole packet, which may be more than MQTT can carry
/// (`largest_encodable`): ask before encode_publish() when in doubt.
std::size_t encoded_size(const message& from, const publish_form& form,
                         protocol_version version) noexcept;

/// The largest packet: one byte, four of length, and what they can count.
inline constexpr std::size_t largest_encodable = 268'435'460;

/// Appends the PUBLISH. The size must not be above `largest_encodable`.
void encode_publish(std::string& out, const message& from, const publish_form& form,
                    protocol_version version);

}  // namespace troupe::mqtt
