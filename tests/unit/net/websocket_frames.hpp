#pragma once

#include <string>
#include <string_view>

namespace troupe::net::testing {

/// A frame as a client sends it. `first` is the first byte: 0x82 is a whole binary message.
inline std::string client_frame(unsigned first, std::string_view payload, bool masked = true) {
  std::string frame(1, static_cast<char>(first));
  unsigned mask_bit = masked ? 0x80U : 0;
  std::size_t size = payload.size();
  unsigned digits = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  frame += static_cast<char>(mask_bit | (digits == 0 ? size : digits == 2 ? 126 : 127));
  for (unsigned i = 0; i < digits; ++i)
    frame += static_cast<char>(size >> (8 * (digits - 1 - i)) & 0xff);
  if (!masked) return frame.append(payload);
  const char mask[4] = {'\x12', '\x34', '\x56', '\x78'};
  frame.append(mask, 4);
  for (std::size_t i = 0; i < size; ++i) frame += static_cast<char>(payload[i] ^ mask[i & 3]);
  return frame;
}

inline const std::string good_request =
    "GET /mqtt HTTP/1.1\r\nHost: broker.example\r\nUpgrade: websocket\r\n"
    "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: other, mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// `good_request` with its first `what` replaced.
inline std::string request_with(std::string_view what, std::string_view instead) {
  std::string request = good_request;
  return request.replace(request.find(what), what.size(), instead);
}

}  // namespace troupe::net::testing
