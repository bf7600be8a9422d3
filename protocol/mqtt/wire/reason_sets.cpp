#include "protocol/mqtt/wire/reason_sets.hpp"

#include <array>
#include <initializer_list>

namespace troupe::mqtt::wire {

namespace {

/// Codes 0x00..0xBF as bits.
struct code_set {
  std::array<std::uint64_t, 3> words{};

  constexpr code_set(std::initializer_list<unsigned> codes) {
    for (const auto code : codes) words[code / 64] |= std::uint64_t{1} << (code % 64);
  }
  constexpr bool contains(unsigned code) const noexcept {
    return code < 192 && ((words[code / 64] >> (code % 64)) & 1U) != 0;
  }
};

constexpr code_set connack_codes{0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
                                 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F};
constexpr code_set received_codes{0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
constexpr code_set released_codes{0x00, 0x92};
constexpr code_set suback_codes{0x00, 0x01, 0x02, 0x80, 0x83, 0x87,
                                0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2};
constexpr code_set unsuback_codes{0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91};
constexpr code_set disconnect_codes{0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D,
                                    0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
                                    0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2};
constexpr code_set auth_codes{0x00, 0x18, 0x19};

}  // namespace

bool may_carry(packet_type type, reason_code code) noexcept {
  const auto value = static_cast<unsigned>(code);
  switch (type) {
    case packet_type::connack:
      return connack_codes.contains(value);
    case packet_type::puback:
    case packet_type::pubrec:
      return received_codes.contains(value);
    case packet_type::pubrel:
    case packet_type::pubcomp:
      return released_codes.contains(value);
    case packet_type::suback:
      return suback_codes.contains(value);
    case packet_type::unsuback:
      return unsuback_codes.contains(value);
    case packet_type::disconnect:
      return disconnect_codes.contains(value);
    case packet_type::auth:
      return auth_codes.contains(value);
    default:
      return false;
  }
}

std::uint8_t to_v3_connack(reason_code code) noexcept {
  switch (code) {
    case reason_code::success:
      return 0;
    case reason_code::unsupported_protocol_version:
      return 1;
    case reason_code::client_identifier_not_valid:
      return 2;
    case reason_code::bad_user_name_or_password:
      return 4;
    // Refusals that trying again does not cure.
    case reason_code::malformed_packet:
    case reason_code::protocol_error:
    case reason_code::not_authorized:
    case reason_code::banned:
    case reason_code::bad_authentication_method:
    case reason_code::topic_name_invalid:
    case reason_code::packet_too_large:
    case reason_code::payload_format_invalid:
    case reason_code::retain_not_supported:
    case reason_code::qos_not_supported:
      return 5;
    default:
      return 3;
  }
}

reason_code from_v3_connack(std::uint8_t code) noexcept {
  constexpr std::array<reason_code, 6> codes{
      reason_code::success,
      reason_code::unsupported_protocol_version,
      reason_code::client_identifier_not_valid,
      reason_code::server_unavailable,
      reason_code::bad_user_name_or_password,
      reason_code::not_authorized,
  };
  return code < codes.size() ? codes[code] : reason_code::malformed_packet;
}

}  // namespace troupe::mqtt::wire
