#pragma once

#include "storage/records/record_keys.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Records of the column family `retained_journal`: the changes of one group,
/// one after the other. Each is its kind 1, shard 2, size 4, and the record of
/// the message, or the topic of one that was erased.
namespace troupe::storage::journal {

enum class kind : char { put = 'p', erase = 'e' };

struct item {
  kind what{};
  std::uint16_t shard = 0;
  std::string_view bytes;
};

inline constexpr std::size_t head_size = 7;

inline keys::fixed_key<8> key(std::uint64_t number) noexcept {
  keys::fixed_key<8> out;
  keys::detail::put(out.bytes.data(), number, 8);
  return out;
}

inline void append(kind what, std::uint16_t shard, std::string_view bytes, std::string& out) {
  char head[head_size];
  head[0] = static_cast<char>(what);
  keys::detail::put(head + 1, std::uint64_t{shard}, 2);
  keys::detail::put(head + 3, std::uint64_t{bytes.size()}, 4);
  out.append(head, head_size).append(bytes);
}

/// Takes the first item off `rest`; nothing if what is left is no item.
inline std::optional<item> take(std::string_view& rest) noexcept {
  if (rest.size() < head_size) return std::nullopt;
  item out;
  out.what = static_cast<kind>(rest[0]);
  out.shard = static_cast<std::uint16_t>(keys::number_at(rest, 1, 2));
  const auto size = keys::number_at(rest, 3, 4);
  rest.remove_prefix(head_size);
  if ((out.what != kind::put && out.what != kind::erase) || size > rest.size()) return std::nullopt;
  out.bytes = rest.substr(0, size);
  rest.remove_prefix(size);
  return out;
}

}  // namespace troupe::storage::journal
