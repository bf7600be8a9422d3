#pragma once

#include "protocol/mqtt/framing.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <string_view>

namespace troupe::mqtt::testing {

/// Bytes from hexadecimal digits; blanks and what stands in 'quotes' as text.
inline std::string bytes(std::string_view from) {
  std::string out;
  int high = -1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] == ' ') continue;
    if (from[i] == '\'') {
      const auto end = from.find('\'', i + 1);
      out.append(from.substr(i + 1, end - i - 1));
      i = end;
      continue;
    }
    const auto digit = std::string_view{"0123456789ABCDEF"}.find(from[i]);
    REQUIRE(digit != std::string_view::npos);
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      out.push_back(static_cast<char>(high * 16 + static_cast<int>(digit)));
      high = -1;
    }
  }
  REQUIRE(high < 0);
  return out;
}

/// The one packet that `wire` holds.
inline frame only_frame(std::string_view wire) {
  const auto found = next_frame(wire, 0);
  REQUIRE(found.status == frame_status::complete);
  REQUIRE(found.size == wire.size());
  return found.frame;
}

/// A packet of `first_byte` and `body`, with the remaining length in between.
inline std::string framed(std::uint8_t first_byte, std::string_view body) {
  REQUIRE(body.size() < 128 * 128);
  std::string out{static_cast<char>(first_byte)};
  auto left = body.size();
  for (; left >= 128; left /= 128) out.push_back(static_cast<char>(left % 128 | 128));
  out.push_back(static_cast<char>(left));
  return out.append(body);
}

}  // namespace troupe::mqtt::testing
