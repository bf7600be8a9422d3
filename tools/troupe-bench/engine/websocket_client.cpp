#include "tools/troupe-bench/engine/websocket_client.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::bench {
namespace {

constexpr unsigned close_frame = 8;
constexpr unsigned ping_frame = 9;
constexpr unsigned pong_frame = 10;
constexpr std::size_t longest_answer = 16384;

// The example of RFC 6455: a server computes the same from every key.
constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view accepted_key = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

}  // namespace

std::string websocket_client::request(std::string_view host, std::string_view path) {
  std::string out = "GET ";
  out.append(path).append(" HTTP/1.1\r\nHost: ").append(host);
  out.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ").append(key);
  out.append("\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n");
  return out;
}

bool websocket_client::take_answer(std::string_view bytes, std::string& rest) {
  answer_.append(bytes);
  const auto end = answer_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (answer_.size() > longest_answer) why_ = "its answer to the WebSocket upgrade does not end";
    return false;
  }
  if (answer_.find("HTTP/1.1 101") != 0) {
    why_ = "it refused the WebSocket upgrade: " + answer_.substr(0, answer_.find("\r\n"));
    return false;
  }
  if (answer_.find(accepted_key) > end) {
    why_ = "its answer to the WebSocket upgrade has a wrong key";
    return false;
  }
  rest = answer_.substr(end + 4);
  answer_ = {};
  return true;
}

bool websocket_client::read_header(std::span<char>& bytes) {
  while (!bytes.empty()) {
    header_[header_size_++] = static_cast<unsigned char>(bytes.front());
    bytes = bytes.subspan(1);
    if (header_size_ < 2) continue;
    if ((header_[1] & 0x80U) != 0) {
      why_ = "it sent a masked WebSocket frame";
      return false;
    }
    const unsigned length = header_[1] & 0x7FU;
    const unsigned extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (header_size_ < 2 + extra) continue;
    remaining_ = extra == 0 ? length : 0;
    for (unsigned at = 0; at < extra; ++at) remaining_ = remaining_ << 8 | header_[2 + at];
    header_size_ = 0;
    return true;
  }
  return false;
}

std::string_view websocket_client::decode(std::span<char> bytes, std::string& replies) {
  char* const begin = bytes.data();
  char* end = begin;
  while (!bytes.empty() && why_.empty()) {
    if (!in_payload_) {
      if (!read_header(bytes)) break;
      in_payload_ = true;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
    const bool control = (header_[0] & 0x08U) != 0;
    if (control) {
      control_.append(bytes.data(), size);
    } else {
      std::memmove(end, bytes.data(), size);
      end += size;
    }
    remaining_ -= size;
    bytes = bytes.subspan(size);
    if (remaining_ != 0) break;
    in_payload_ = false;
    if (control) end_control(replies);
  }
  return {begin, static_cast<std::size_t>(end - begin)};
}

void websocket_client::end_control(std::string& replies) {
  const unsigned opcode = header_[0] & 0x0FU;
  if (opcode == close_frame) why_ = "it closed the WebSocket";
  if (opcode == ping_frame && control_.size() <= 125) {
    replies.push_back(static_cast<char>(0x80U | pong_frame));
    replies.push_back(static_cast<char>(0x80U | control_.size()));
    replies.append(4, '\0');
    replies.append(control_);
  }
  control_.clear();
}

void websocket_client::append_header(std::string& out, std::size_t payload_bytes) {
  out.push_back(static_cast<char>(0x82));
  if (payload_bytes < 126) {
    out.push_back(static_cast<char>(0x80U | payload_bytes));
  } else {
    const unsigned bytes = payload_bytes < 65536 ? 2 : 8;
    out.push_back(static_cast<char>(bytes == 2 ? 0xFE : 0xFF));
    for (unsigned at = bytes; at-- > 0;)
      out.push_back(static_cast<char>(payload_bytes >> (8 * at)));
  }
  out.append(4, '\0');
}

}  // namespace troupe::bench
