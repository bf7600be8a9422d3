#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::storage {

/// FNV-1a with 64 bits: tells damage and difference, not malice.
class checksum {
 public:
  explicit checksum(std::uint64_t from = 0xCBF2'9CE4'8422'2325ULL) noexcept : value_(from) {}

  checksum& add(std::string_view bytes) noexcept {
    for (const auto byte : bytes) add_byte(static_cast<unsigned char>(byte));
    return *this;
  }
  checksum& add(std::uint64_t number) noexcept {
    for (int i = 0; i < 8; ++i, number >>= 8) add_byte(static_cast<unsigned char>(number & 0xFF));
    return *this;
  }
  /// Bytes with their length, so that what follows is not taken for a part of them.
  checksum& add_text(std::string_view bytes) noexcept { return add(bytes.size()).add(bytes); }

  std::uint64_t value() const noexcept { return value_; }

 private:
  void add_byte(unsigned char byte) noexcept { value_ = (value_ ^ byte) * 0x100'0000'01B3ULL; }

  std::uint64_t value_;
};

}  // namespace troupe::storage
