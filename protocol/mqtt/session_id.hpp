#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace troupe {

/// Number of a shard in [0, S).
enum class shard_id : std::uint16_t {};

constexpr std::uint16_t number(shard_id shard) noexcept {
  return static_cast<std::uint16_t>(shard);
}

/// Names a session for its whole life, unique in the cluster: the shard of its
/// client id in the upper 16 bits, a number given by that shard's owner below.
/// Zero names no session.
struct session_id {
  std::uint64_t value = 0;

  constexpr session_id() = default;
  constexpr explicit session_id(std::uint64_t raw) : value(raw) {}
  constexpr session_id(shard_id shard, std::uint64_t count)
      : value((std::uint64_t{number(shard)} << 48) | count) {}

  constexpr shard_id shard() const noexcept {
    return static_cast<shard_id>(static_cast<std::uint16_t>(value >> 48));
  }
  constexpr std::uint64_t count() const noexcept { return value & 0xFFFF'FFFF'FFFFULL; }
  constexpr explicit operator bool() const noexcept { return value != 0; }
  auto operator<=>(const session_id&) const = default;
};

}  // namespace troupe

template <>
struct std::hash<troupe::session_id> {
  std::size_t operator()(troupe::session_id id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value * 0x9E37'79B9'7F4A'7C15ULL);
  }
};
