#pragma once

#include "protocol/net/peer/ip_address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::net {

/// What a proxy says of the client whose connection it passes on.
struct proxied_client {
  /// Where the client is. None: the proxy speaks for itself (a health check), or
  /// does not know; then the connection has the proxy's own address.
  std::optional<ip_endpoint> from;
  bool unix_socket = false;  // it came to the proxy by a Unix socket
  bool tls = false;          // it came to the proxy by TLS
  /// Common name of the client certificate that the proxy has verified, or empty.
  std::string certificate_name;
};

/// The header of the PROXY protocol, version 1 (text) or 2 (binary), without I/O.
/// Specification: proxy-protocol.txt of HAProxy.
///
/// Bytes come in pieces of any size; the decoder takes those of the header and
/// not one more, for what follows is another's (TLS, HTTP, MQTT). It keeps at
/// most max_bytes. Never throws on what comes from the network.
class proxy_header_decoder {
 public:
  /// The longest line of version 1, with its CR LF.
  static constexpr std::size_t max_line = 107;
  /// What version 2 may have behind its first 16 bytes: addresses (216 at most)
  /// and a few names. The format allows 64 KiB; nobody needs it.
  static constexpr std::size_t max_block = 2048;
  static constexpr std::size_t max_bytes = 16 + max_block;

  /// Takes a part of the front of `bytes` and returns how much that is: all of
  /// it, unless the header ends within, or is broken.
  std::size_t feed(std::string_view bytes);

  /// The header is whole, and right.
  bool done() const noexcept { return state_ == state::done; }
  /// It can never be right; why() says what is wrong.
  bool failed() const noexcept { return state_ == state::failed; }
  const char* why() const noexcept { return why_; }
  /// Once done().
  const proxied_client& client() const noexcept { return client_; }

 private:
  enum class state : std::uint8_t { reading, done, failed };

  void check();
  void read_line();
  void read_block();
  void read_tlvs(std::size_t at);
  void read_ssl(std::string_view value);
  bool right_checksum(std::size_t at) const;
  void fail(const char* why);

  std::string bytes_;
  std::size_t wanted_ = 1;  // bytes that are certainly of the header
  const char* why_ = "";
  proxied_client client_;
  state state_ = state::reading;
};

}  // namespace troupe::net
