#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::mqtt {

/// Type of a control packet, the upper half of its first byte [MQTT 5.0, 2.1.2].
enum class packet_type : std::uint8_t {
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  auth = 15,
};

/// One control packet without its remaining length; a view into the input.
struct frame {
  std::uint8_t first_byte = 0;
  std::string_view body;

  packet_type type() const noexcept { return static_cast<packet_type>(first_byte >> 4); }
  std::uint8_t flags() const noexcept { return first_byte & 0x0FU; }
};

enum class frame_status : std::uint8_t { complete, incomplete, malformed, too_large };

struct frame_result {
  frame_status status = frame_status::incomplete;
  /// Bytes of the whole packet, 0 while its length is not known yet.
  std::size_t size = 0;
  /// Only when complete.
  mqtt::frame frame;
};

/// The largest value of a variable byte integer, and so of a remaining length.
inline constexpr std::uint32_t largest_varint = 268'435'455;

/// Finds the first packet in `bytes`. `maximum_packet_size` counts the whole
/// packet as MQTT does, 0: no limit; a packet above it is `too_large` as soon
/// as its length is known. A remaining length of more than four bytes or not in
/// its shortest form [MQTT-1.5.5-1] and packet type 0 are `malformed`.
frame_result next_frame(std::string_view bytes, std::uint32_t maximum_packet_size) noexcept;

}  // namespace troupe::mqtt
