#pragma once

#include "protocol/mqtt/framing.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/wire/reader.hpp"

#include <cstdint>

namespace troupe::mqtt::wire {

/// The flags that a packet type must have; not for PUBLISH [MQTT-2.1.3-1].
constexpr std::uint8_t required_flags(packet_type type) noexcept {
  return type == packet_type::pubrel || type == packet_type::subscribe ||
                 type == packet_type::unsubscribe
             ? 0x02
             : 0x00;
}

/// Refuses another packet type than `type` and wrong flags. 3.1 marks repeated
/// PUBRELs, SUBSCRIBEs and UNSUBSCRIBEs with the DUP flag, later versions do not.
inline void check_fixed_header(reader& in, const frame& from, packet_type type,
                               protocol_version version) noexcept {
  const auto required = required_flags(type);
  auto flags = from.flags();
  if (version == protocol_version::v3_1 && required != 0) flags &= 0x07U;
  if (from.type() != type || flags != required) {
    in.fail(reason_code::malformed_packet, "the fixed header flags are not as required");
  }
}

}  // namespace troupe::mqtt::wire
