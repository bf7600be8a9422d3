#pragma once

#include "storage/store.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// Keys of the store: numbers big-endian, the shard always first (the upper
/// bits of a session id are its shard), so that a shard is one range in every
/// column family and a queue lies in commit order.
namespace troupe::storage::keys {

/// A key of fixed size, on the stack.
template <std::size_t Size>
struct fixed_key {
  std::array<char, Size> bytes{};
  std::string_view view() const noexcept { return {bytes.data(), Size}; }
};

namespace detail {
template <class Number>
constexpr void put(char* out, Number value, std::size_t size) noexcept {
  for (std::size_t i = size; i-- > 0;) {
    out[i] = static_cast<char>(value & 0xFF);
    value = static_cast<Number>(value >> 8);
  }
}
constexpr std::uint64_t get(const char* in, std::size_t size) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = (value << 8) | static_cast<unsigned char>(in[i]);
  return value;
}
}  // namespace detail

inline fixed_key<10> body(std::uint16_t shard, std::uint64_t offset) noexcept {
  fixed_key<10> key;
  detail::put(key.bytes.data(), std::uint64_t{shard}, 2);
  detail::put(key.bytes.data() + 2, offset, 8);
  return key;
}

inline fixed_key<8> session(session_id id) noexcept {
  fixed_key<8> key;
  detail::put(key.bytes.data(), id.value, 8);
  return key;
}

inline fixed_key<16> owed(session_id id, order_no order) noexcept {
  fixed_key<16> key;
  detail::put(key.bytes.data(), id.value, 8);
  detail::put(key.bytes.data() + 8, order, 8);
  return key;
}

/// Beside the run that begins with `order`, directly behind it.
inline fixed_key<17> progress(session_id id, order_no order) noexcept {
  fixed_key<17> key;
  detail::put(key.bytes.data(), id.value, 8);
  detail::put(key.bytes.data() + 8, order, 8);
  key.bytes[16] = 'p';
  return key;
}
inline bool is_progress(std::string_view key) noexcept {
  return key.size() == 17;
}

inline fixed_key<2> shard(std::uint16_t number) noexcept {
  fixed_key<2> key;
  detail::put(key.bytes.data(), std::uint64_t{number}, 2);
  return key;
}

/// Origins stand where QoS 2 states of a session 0 would, which there is not.
inline constexpr char origin_mark = 'p';
inline fixed_key<19> origin(std::uint16_t shard, std::uint16_t topics,
                            std::uint64_t publisher) noexcept {
  fixed_key<19> key;
  detail::put(key.bytes.data(), std::uint64_t{shard} << 48, 8);
  key.bytes[8] = origin_mark;
  detail::put(key.bytes.data() + 9, std::uint64_t{topics}, 2);
  detail::put(key.bytes.data() + 11, publisher, 8);
  return key;
}
inline bool is_origin(std::string_view key) noexcept {
  return key.size() == 19 && key[8] == origin_mark;
}

/// Choices stand behind the origins. Their names are what is behind the publisher.
inline constexpr char choice_mark = 'q';
inline fixed_key<16> choice_name(const session::origin& of) noexcept {
  fixed_key<16> key;
  detail::put(key.bytes.data(), of.life, 8);
  detail::put(key.bytes.data() + 8, of.number, 8);
  return key;
}
inline fixed_key<33> choice(std::uint16_t shard, std::uint64_t publisher,
                            std::string_view name) noexcept {
  fixed_key<33> key;
  detail::put(key.bytes.data(), std::uint64_t{shard} << 48, 8);
  key.bytes[8] = choice_mark;
  detail::put(key.bytes.data() + 9, publisher, 8);
  name.copy(key.bytes.data() + 17, 16);
  return key;
}
inline bool is_choice(std::string_view key) noexcept {
  return key.size() == 33 && key[8] == choice_mark;
}

enum class direction : char { outgoing = 'o', received = 'r' };

inline fixed_key<11> qos2(session_id id, direction which, mqtt::packet_id packet) noexcept {
  fixed_key<11> key;
  detail::put(key.bytes.data(), id.value, 8);
  key.bytes[8] = static_cast<char>(which);
  detail::put(key.bytes.data() + 9, std::uint64_t{packet}, 2);
  return key;
}

inline session::origin origin_at(std::string_view key, std::size_t at) noexcept {
  return {detail::get(key.data() + at, 8), detail::get(key.data() + at + 8, 8)};
}

/// Number at `at` of a key; the key must be long enough.
inline std::uint64_t number_at(std::string_view key, std::size_t at, std::size_t size) noexcept {
  return detail::get(key.data() + at, size);
}

/// The session that a key begins with, if it is long enough.
inline std::optional<session_id> session_of(std::string_view key) noexcept {
  if (key.size() < 8) return std::nullopt;
  return session_id{number_at(key, 0, 8)};
}

}  // namespace troupe::storage::keys
