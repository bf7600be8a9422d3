#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace troupe::bench {

/// The client's half of WebSocket (RFC 6455), without I/O, as small as MQTT allows.
///
/// Frames are masked with the key 0: the mask protects web caches from pages that
/// choose bytes, which a load tool is not, and the server has the same work.
class websocket_client {
 public:
  /// The request that asks for an upgrade.
  static std::string request(std::string_view host, std::string_view path);

  /// Takes bytes of the answer. True: upgraded, and `rest` is what followed.
  /// False and why() empty: more is needed.
  bool take_answer(std::string_view bytes, std::string& rest);

  /// Unwraps all of `bytes` in place: payload moved together at the front of it.
  /// Pongs are appended to `replies`.
  std::string_view decode(std::span<char> bytes, std::string& replies);

  /// Appends the header of a masked binary frame.
  static void append_header(std::string& out, std::size_t payload_bytes);

  /// What the server did wrong, or that it closed; empty: nothing.
  const std::string& why() const noexcept { return why_; }

 private:
  bool read_header(std::span<char>& bytes);
  void end_control(std::string& replies);

  std::string answer_;
  std::string why_;
  std::string control_;
  std::uint64_t remaining_ = 0;
  unsigned char header_[10] = {};
  std::uint8_t header_size_ = 0;
  bool in_payload_ = false;
};

}  // namespace troupe::bench
