#include "protocol/net/websocket_codec.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::net {
namespace {

enum opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

constexpr unsigned final_bit = 0x80;
constexpr unsigned reserved_bits = 0x70;
constexpr unsigned mask_bit = 0x80;
constexpr std::size_t max_control_bytes = 125;

bool is_control(unsigned code) {
  return (code & 8) != 0;
}

std::string control_frame(opcode code, std::string_view payload) {
  std::string frame;
  frame.reserve(2 + payload.size());
  frame.push_back(static_cast<char>(final_bit | code));
  frame.push_back(static_cast<char>(payload.size()));
  frame.append(payload);
  return frame;
}

/// Codes that may stand in a close frame: RFC 6455, section 7.4.
bool is_valid_close_code(unsigned code) {
  if (code >= 3000 && code < 5000) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

/// Copies forward, as `to` <= `from`, and returns the mask's next position.
unsigned unmask(char* to, const char* from, std::size_t size, const unsigned char mask[4],
                unsigned at) {
  unsigned char rotated[8];
  for (unsigned i = 0; i < 8; ++i) rotated[i] = mask[(at + i) & 3];
  std::uint64_t wide = 0;
  std::memcpy(&wide, rotated, sizeof wide);
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i, sizeof word);
    word ^= wide;
    std::memcpy(to + i, &word, sizeof word);
  }
  for (; i < size; ++i) to[i] = static_cast<char>(from[i] ^ static_cast<char>(rotated[i & 7]));
  return (at + size) & 3;
}

}  // namespace

std::string_view websocket_decoder::decode(std::span<char> bytes, std::string& replies) {
  char* const front = bytes.data();
  std::size_t produced = 0;
  while (!finished_) {
    if (!in_payload_ && !read_header(bytes)) break;
    auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
    if (is_control(opcode_)) {
      std::size_t before = control_.size();
      control_.append(bytes.data(), size);
      mask_at_ = static_cast<std::uint8_t>(
          unmask(control_.data() + before, control_.data() + before, size, mask_, mask_at_));
    } else {
      mask_at_ =
          static_cast<std::uint8_t>(unmask(front + produced, bytes.data(), size, mask_, mask_at_));
      produced += size;
    }
    bytes = bytes.subspan(size);
    remaining_ -= size;
    if (remaining_ != 0) break;
    end_frame(replies);
  }
  return {front, produced};
}

/// Collects a header; false when it is not complete or not acceptable.
bool websocket_decoder::read_header(std::span<char>& bytes) {
  for (;;) {
    std::size_t needed = 2;
    if (header_size_ >= 2) {
      if (!check_header(header_[0], header_[1])) return false;
      unsigned length = header_[1] & 0x7fU;
      needed = 2 + (length == 127 ? 8U : length == 126 ? 2U : 0U) + 4;
      if (header_size_ == needed) break;
    }
    auto size = std::min(needed - header_size_, bytes.size());
    if (size == 0) return false;
    std::memcpy(header_ + header_size_, bytes.data(), size);
    header_size_ = static_cast<std::uint8_t>(header_size_ + size);
    bytes = bytes.subspan(size);
  }
  std::uint64_t length = header_[1] & 0x7fU;
  std::size_t at = 2;
  if (length >= 126) {
    std::size_t end = at + (length == 127 ? 8U : 2U);
    for (length = 0; at < end; ++at) length = length << 8 | header_[at];
  }
  if (!check_length(length)) return false;
  std::memcpy(mask_, header_ + at, sizeof mask_);
  mask_at_ = 0;
  remaining_ = length;
  in_payload_ = true;
  return true;
}

bool websocket_decoder::check_header(unsigned first, unsigned second) {
  opcode_ = first & 0x0fU;
  final_ = (first & final_bit) != 0;
  const char* wrong = nullptr;
  if ((first & reserved_bits) != 0)
    wrong = "WebSocket: a reserved bit is set";
  else if ((second & mask_bit) == 0)
    wrong = "WebSocket: a frame of the client is not masked";
  else if (opcode_ > pong || (opcode_ > binary && opcode_ < close))
    wrong = "WebSocket: a frame has an unknown opcode";
  else if (is_control(opcode_) && (!final_ || (second & 0x7fU) > max_control_bytes))
    wrong = "WebSocket: a control frame is fragmented or too long";
  else if (opcode_ == continuation && !fragmented_)
    wrong = "WebSocket: a continuation of nothing";
  else if ((opcode_ == binary || opcode_ == text) && fragmented_)
    wrong = "WebSocket: a message begins within another";
  if (wrong != nullptr) {
    finish(close_code::protocol_error, wrong);
    return false;
  }
  if (opcode_ != text) return true;
  // [MQTT-6.0.0-1]
  finish(close_code::not_binary, "WebSocket: a text frame, where MQTT needs binary ones");
  return false;
}

bool websocket_decoder::check_length(std::uint64_t length) {
  unsigned form = header_[1] & 0x7fU;
  if ((form == 126 && length < 126) || (form == 127 && (length < 65'536 || length >> 63 != 0))) {
    finish(close_code::protocol_error, "WebSocket: a frame's length is badly encoded");
    return false;
  }
  if (length > max_frame_bytes_ && !is_control(opcode_)) {
    finish(close_code::too_big, "WebSocket: a frame is too big");
    return false;
  }
  return true;
}

void websocket_decoder::end_frame(std::string& replies) {
  in_payload_ = false;
  header_size_ = 0;
  if (!is_control(opcode_)) {
    fragmented_ = !final_;
    return;
  }
  if (opcode_ == ping) replies += control_frame(pong, control_);
  if (opcode_ == close) take_close();
  // Release, not only clear: an idle connection keeps no buffer.
  control_ = std::string();
}

void websocket_decoder::take_close() {
  if (control_.empty()) return finish(close_code::none, "closed by the peer");
  unsigned code = 0;
  if (control_.size() >= 2)
    code = static_cast<unsigned char>(control_[0]) << 8 | static_cast<unsigned char>(control_[1]);
  if (!is_valid_close_code(code))
    return finish(close_code::protocol_error, "WebSocket: a close frame has a bad code");
  // The peer's code is echoed: section 5.5.1.
  finish(static_cast<close_code>(code), "closed by the peer");
}

void websocket_decoder::finish(close_code code, const char* why) {
  finished_ = true;
  code_ = code;
  why_ = why;
}

binary_header::binary_header(std::uint64_t size) {
  bytes_[0] = static_cast<char>(final_bit | binary);
  unsigned digits = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  bytes_[1] = static_cast<char>(digits == 0 ? size : digits == 2 ? 126 : 127);
  for (unsigned i = 0; i < digits; ++i)
    bytes_[2 + i] = static_cast<char>(size >> (8 * (digits - 1 - i)));
  size_ = 2 + digits;
}

std::string make_close_frame(close_code code) {
  if (code == close_code::none) return control_frame(close, {});
  auto number = static_cast<std::uint16_t>(code);
  const char payload[2] = {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
  return control_frame(close, {payload, 2});
}

}  // namespace troupe::net
