#pragma once

#include "protocol/mqtt/framing.hpp"
#include "protocol/mqtt/reason_code.hpp"

#include <cstdint>

namespace troupe::mqtt::wire {

/// Whether version 5 lets a packet of this type carry the code [MQTT 5.0, 2.4].
/// DISCONNECT: the codes of both directions.
bool may_carry(packet_type type, reason_code code) noexcept;

/// The version 3 return code 0..5 that says most nearly the same.
std::uint8_t to_v3_connack(reason_code code) noexcept;

/// The reason for a version 3 return code; malformed_packet when it is none.
reason_code from_v3_connack(std::uint8_t code) noexcept;

}  // namespace troupe::mqtt::wire
