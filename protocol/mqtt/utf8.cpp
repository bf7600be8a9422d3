#include "protocol/mqtt/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace troupe::mqtt {

namespace {

constexpr std::uint64_t ones = 0x0101'0101'0101'0101ULL;
constexpr std::uint64_t tops = 0x8080'8080'8080'8080ULL;

std::uint64_t load8(const char* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// All eight bytes in 1..0x7F: a byte above has its top bit set, and a zero
// byte gets it from the subtraction.
bool plain(std::uint64_t word) noexcept {
  return ((word | (word - ones)) & tops) == 0;
}

// Length of the well-formed multi-byte sequence at `at` (table 3-7 of the
// Unicode standard), 0 if there is none.
std::size_t sequence_length(const unsigned char* at, std::size_t left) noexcept {
  auto continuation = [&](std::size_t i) { return (at[i] & 0xC0U) == 0x80U; };
  const auto lead = at[0];
  if (lead < 0xC2 || left < 2) return 0;
  if (lead < 0xE0) return continuation(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (left < 3 || !continuation(1) || !continuation(2)) return 0;
    if (lead == 0xE0 && at[1] < 0xA0) return 0;   // overlong
    if (lead == 0xED && at[1] >= 0xA0) return 0;  // surrogate
    return 3;
  }
  if (lead > 0xF4 || left < 4 || !continuation(1) || !continuation(2) || !continuation(3)) return 0;
  if (lead == 0xF0 && at[1] < 0x90) return 0;   // overlong
  if (lead == 0xF4 && at[1] >= 0x90) return 0;  // above U+10FFFF
  return 4;
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
  const auto* at = text.data();
  auto left = text.size();
  // A tail of ASCII is looked at together with plain bytes before it.
  const auto plain_tail = [&] {
    return left < 8 && text.size() >= 8 && plain(load8(text.data() + text.size() - 8));
  };
  while (left != 0) {
    if (left >= 8 && plain(load8(at))) {
      at += 8;
      left -= 8;
      continue;
    }
    if (plain_tail()) return true;
    const auto byte = static_cast<unsigned char>(*at);
    if (byte == 0) return false;
    std::size_t step = 1;
    if (byte >= 0x80) {
      step = sequence_length(reinterpret_cast<const unsigned char*>(at), left);
      if (step == 0) return false;
    }
    at += step;
    left -= step;
  }
  return true;
}

bool has_wildcard(std::string_view text) noexcept {
  const auto* at = text.data();
  auto left = text.size();
  // '#' and '+' differ in bit 3 only, so both become zero here; the rest is the
  // usual search for a zero byte.
  const auto found = [](const char* from) {
    const auto word = (load8(from) | (ones * 0x08)) ^ (ones * '+');
    return ((word - ones) & ~word & tops) != 0;
  };
  for (; left >= 8; at += 8, left -= 8) {
    if (found(at)) return true;
  }
  if (text.size() >= 8) return left != 0 && found(text.data() + text.size() - 8);
  for (; left != 0; ++at, --left) {
    if (*at == '#' || *at == '+') return true;
  }
  return false;
}

}  // namespace troupe::mqtt
