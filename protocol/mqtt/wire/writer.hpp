#pragma once

#include "protocol/mqtt/framing.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/wire/properties.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::mqtt::wire {

/// Bytes that a variable byte integer takes.
constexpr std::size_t varint_size(std::size_t value) noexcept {
  return value < 0x80 ? 1U : value < 0x4000 ? 2U : value < 0x20'0000 ? 3U : 4U;
}

/// Puts MQTT's data types one after the other into a string of its own. What
/// cannot be said in MQTT makes it not ok() and is left out.
class writer {
 public:
  bool ok() const noexcept { return ok_; }
  const std::string& bytes() const noexcept { return bytes_; }

  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void two_bytes(std::uint16_t value) {
    byte(static_cast<std::uint8_t>(value >> 8));
    byte(static_cast<std::uint8_t>(value));
  }
  void four_bytes(std::uint32_t value) {
    two_bytes(static_cast<std::uint16_t>(value >> 16));
    two_bytes(static_cast<std::uint16_t>(value));
  }
  void varint(std::size_t value) {
    if (value > largest_varint) {
      ok_ = false;
      return;
    }
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80U));
    byte(static_cast<std::uint8_t>(value));
  }
  void raw(std::string_view value) { bytes_.append(value); }
  /// A string or binary data, with its length in front.
  void text(std::string_view value) {
    if (value.size() > 0xFFFF) {
      ok_ = false;
      return;
    }
    two_bytes(static_cast<std::uint16_t>(value.size()));
    raw(value);
  }
  /// A block of properties with its length in front.
  void block(const writer& properties) {
    ok_ = ok_ && properties.ok_;
    varint(properties.bytes_.size());
    raw(properties.bytes_);
  }

  void flag(property_id id, bool value) { name(id).byte(value ? 1 : 0); }
  void two_bytes(property_id id, std::uint16_t value) { name(id).two_bytes(value); }
  void four_bytes(property_id id, std::uint32_t value) { name(id).four_bytes(value); }
  void varint(property_id id, std::uint32_t value) { name(id).varint(value); }
  void text(property_id id, std::string_view value) { name(id).text(value); }
  /// Nothing when empty.
  void text_if(property_id id, std::string_view value) {
    if (!value.empty()) text(id, value);
  }
  void users(const user_properties& from) {
    for (const auto& [name, value] : from) {
      text(property_id::user, name);
      text(value);
    }
  }

 private:
  writer& name(property_id id) {
    byte(static_cast<std::uint8_t>(id));
    return *this;
  }

  std::string bytes_;
  bool ok_ = true;
};

/// Appends fixed header and body when both are sound and the whole packet is
/// not above the limit (0: none).
inline bool append_packet(std::string& out, std::uint8_t first_byte, const writer& body,
                          std::uint32_t maximum_packet_size) {
  const auto length = body.bytes().size();
  const auto size = 1 + varint_size(length) + length;
  if (!body.ok() || length > largest_varint) return false;
  if (maximum_packet_size != 0 && size > maximum_packet_size) return false;
  writer header;
  header.byte(first_byte);
  header.varint(length);
  out.append(header.bytes()).append(body.bytes());
  return true;
}

}  // namespace troupe::mqtt::wire
