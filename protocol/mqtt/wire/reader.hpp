#pragma once

#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::mqtt::wire {

/// Takes MQTT's data types off a packet body one after the other. The first
/// failure sticks: what is left is dropped and later reads give zeros and empty
/// views, so that a decoder reads on and asks once.
class reader {
 public:
  explicit reader(std::string_view bytes) noexcept : rest_(bytes) {}

  bool ok() const noexcept { return error_.sentence == nullptr; }
  /// Only when not ok().
  const decode_error& error() const noexcept { return error_; }
  bool at_end() const noexcept { return rest_.empty(); }
  std::string_view rest() const noexcept { return rest_; }

  void fail(reason_code reason, const char* sentence) noexcept {
    if (ok()) error_ = {reason, sentence};
    rest_ = {};
  }

  std::string_view bytes(std::size_t count) noexcept {
    if (rest_.size() < count) {
      fail(reason_code::malformed_packet, "the packet ends in the middle of a field");
      return {};
    }
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint8_t byte() noexcept {
    const auto taken = bytes(1);
    return taken.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(taken[0]);
  }
  std::uint16_t two_bytes() noexcept {
    const auto taken = bytes(2);
    if (taken.empty()) return 0;
    return static_cast<std::uint16_t>((static_cast<std::uint8_t>(taken[0]) << 8) |
                                      static_cast<std::uint8_t>(taken[1]));
  }
  std::uint32_t four_bytes() noexcept {
    const std::uint32_t upper = two_bytes();
    return (upper << 16) | two_bytes();
  }

  /// Shortest form only [MQTT-1.5.5-1].
  std::uint32_t varint() noexcept {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const auto next = byte();
      value |= std::uint32_t{next & 0x7FU} << shift;
      if (next >= 0x80) continue;
      if (next == 0 && shift != 0) break;
      return value;
    }
    fail(reason_code::malformed_packet, "a variable byte integer is not in its shortest form");
    return 0;
  }

  std::string_view binary() noexcept { return bytes(two_bytes()); }
  std::string_view text() noexcept {
    const auto taken = binary();
    if (is_valid_utf8(taken)) return taken;
    fail(reason_code::malformed_packet, "a string is not valid UTF-8 or holds a null character");
    return {};
  }

  /// Zero is no packet identifier [MQTT-2.2.1-3].
  std::uint16_t identifier() noexcept {
    const auto id = two_bytes();
    if (id == 0) fail(reason_code::protocol_error, "the packet identifier is zero");
    return id;
  }

  void expect_end() noexcept {
    if (!rest_.empty()) {
      fail(reason_code::malformed_packet, "bytes are left over at the end of the packet");
    }
  }

 private:
  std::string_view rest_;
  decode_error error_{reason_code::success, nullptr};
};

}  // namespace troupe::mqtt::wire
