#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

/// The wire format of protobuf, for records on the way of every message, where
/// the generated classes with their copies of every field cost too much.
namespace troupe::storage::wire {

enum class type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// --- writing: into room that was measured before ---

constexpr std::size_t varint_size(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}
/// With its tag; fields up to 15 have tags of one byte. Zero is left out.
constexpr std::size_t number_size(std::uint64_t value) noexcept {
  return value == 0 ? 0 : 1 + varint_size(value);
}
constexpr std::size_t bytes_size(std::size_t size) noexcept {
  return 1 + varint_size(size) + size;
}

inline char* put_varint(char* out, std::uint64_t value) noexcept {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}
inline char* put_tag(char* out, std::uint32_t field, type kind) noexcept {
  *out++ = static_cast<char>((field << 3) | static_cast<std::uint32_t>(kind));
  return out;
}
inline char* put_number(char* out, std::uint32_t field, std::uint64_t value) noexcept {
  return value == 0 ? out : put_varint(put_tag(out, field, type::varint), value);
}
inline char* put_raw(char* out, std::string_view bytes) noexcept {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}
inline char* put_bytes(char* out, std::uint32_t field, std::string_view bytes) noexcept {
  return put_raw(put_varint(put_tag(out, field, type::bytes), bytes.size()), bytes);
}
inline char* put_fixed64(char* out, std::uint32_t field, std::uint64_t value) noexcept {
  out = put_tag(out, field, type::fixed64);
  for (int i = 0; i < 8; ++i, value >>= 8) *out++ = static_cast<char>(value & 0xFF);
  return out;
}

// --- reading ---

/// The fields of one record. Bytes that are no record end it as damaged; what
/// fields mean, and that unknown ones are passed over, is up to the caller.
class fields {
 public:
  explicit fields(std::string_view from) noexcept : at_(from.data()), end_(at_ + from.size()) {}

  /// The next field; false at the end or at damage.
  bool next() noexcept {
    if (at_ == end_) return false;
    std::uint64_t tag = 0;
    if (!take_varint(tag) || (tag >> 3) == 0 || tag > UINT32_MAX) return fail();
    number_ = static_cast<std::uint32_t>(tag >> 3);
    kind_ = static_cast<type>(tag & 7);
    switch (kind_) {
      case type::varint:
        return take_varint(value_) || fail();
      case type::fixed64:
        return take_fixed(8) || fail();
      case type::fixed32:
        return take_fixed(4) || fail();
      case type::bytes: {
        std::uint64_t size = 0;
        if (!take_varint(size) || size > static_cast<std::uint64_t>(end_ - at_)) return fail();
        bytes_ = {at_, static_cast<std::size_t>(size)};
        at_ += size;
        return true;
      }
    }
    return fail();
  }

  /// Whether the field at hand is this one and of this kind.
  bool is(std::uint32_t number, type kind) const noexcept {
    return number_ == number && kind_ == kind;
  }
  std::uint32_t number() const noexcept { return number_; }
  type kind() const noexcept { return kind_; }
  std::uint64_t value() const noexcept { return value_; }
  std::string_view bytes() const noexcept { return bytes_; }

  bool at_end() const noexcept { return at_ == end_; }
  bool damaged() const noexcept { return damaged_; }

 private:
  bool fail() noexcept {
    damaged_ = true;
    at_ = end_;
    return false;
  }
  bool take_varint(std::uint64_t& into) noexcept {
    into = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return false;
      const auto byte = static_cast<unsigned char>(*at_++);
      into |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool take_fixed(std::size_t size) noexcept {
    if (static_cast<std::size_t>(end_ - at_) < size) return false;
    value_ = 0;
    for (std::size_t i = 0; i < size; ++i)
      value_ |= std::uint64_t{static_cast<unsigned char>(at_[i])} << (8 * i);
    at_ += size;
    return true;
  }

  const char* at_;
  const char* end_;
  std::uint64_t value_ = 0;
  std::string_view bytes_;
  std::uint32_t number_ = 0;
  type kind_ = type::varint;
  bool damaged_ = false;
};

}  // namespace troupe::storage::wire
