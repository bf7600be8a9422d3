#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace troupe::net {

/// Close codes of RFC 6455, section 7.4.1, that we send.
enum class close_code : std::uint16_t {
  none = 0,  // a close frame without a code
  normal = 1000,
  protocol_error = 1002,
  not_binary = 1003,
  too_big = 1009,
};

/// The receiving half of a server's WebSocket framing (RFC 6455), without I/O.
///
/// MQTT is one stream of bytes whatever the frames are [MQTT-6.0.0-2], so payloads
/// are handed on as they come and never collected. Nothing is kept between calls
/// but a header or a control frame, at most 139 bytes.
class websocket_decoder {
 public:
  explicit websocket_decoder(std::uint64_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  /// Takes all of `bytes` and returns the payload of its binary frames, unmasked
  /// and moved together at the front of `bytes`. Answers to pings are appended to
  /// `replies`. Once finished() is true everything more is ignored.
  std::string_view decode(std::span<char> bytes, std::string& replies);

  /// The peer has sent a close frame, or broken the rules.
  bool finished() const noexcept { return finished_; }
  /// What to send back then, and a sentence for the log.
  close_code code() const noexcept { return code_; }
  const char* why() const noexcept { return why_; }

 private:
  bool read_header(std::span<char>& bytes);
  bool check_header(unsigned first, unsigned second);
  bool check_length(std::uint64_t length);
  void end_frame(std::string& replies);
  void take_close();
  void finish(close_code code, const char* why);

  std::uint64_t max_frame_bytes_;
  std::uint64_t remaining_ = 0;  // of the frame's payload
  const char* why_ = "";
  std::string control_;  // payload of a control frame
  unsigned char header_[14] = {};
  std::uint8_t header_size_ = 0;
  std::uint8_t opcode_ = 0;
  std::uint8_t mask_at_ = 0;
  unsigned char mask_[4] = {};
  close_code code_ = close_code::none;
  bool in_payload_ = false;
  bool final_ = false;
  bool fragmented_ = false;  // a continuation must follow
  bool finished_ = false;
};

/// The header of an unmasked binary frame around `size` bytes.
struct binary_header {
  explicit binary_header(std::uint64_t size);
  std::string_view view() const noexcept { return {bytes_, size_}; }

 private:
  char bytes_[10];
  std::size_t size_;
};

/// A close frame; `none` makes one without a code.
std::string make_close_frame(close_code code);

}  // namespace troupe::net
