#pragma once

#include "protocol/net/socket_transport.hpp"
#include "protocol/net/tls_context.hpp"

struct ssl_st;

namespace troupe::net {

/// TLS over a socket, by OpenSSL on the descriptor itself: no buffers between
/// them, and OpenSSL gives its own back while the connection is idle.
class tls_transport final : public socket_transport {
 public:
  /// Owns `fd`. The certificate's name and subject are in peer() at on_open().
  tls_transport(const loop_context& loop, int fd, peer_info peer, std::size_t max_output,
                const tls_context& context);
  ~tls_transport() override;

 private:
  transfer handshake() override;
  bool costly_handshake() const noexcept override { return true; }
  transfer receive(std::span<char> buffer) override;
  transfer send(std::string_view bytes) override;
  bool has_buffered_input() const noexcept override;
  // A record may have been read in part.
  bool short_reads_are_last() const noexcept override { return false; }
  void end_output() override;

  void go_to_work();
  transfer judge(int result, const char* doing);
  std::string failure_text() const;
  void read_certificate();

  ssl_st* ssl_;
  bool starved_ = false;  // what OpenSSL holds is less than a record
  bool broken_ = false;   // nothing may be sent any more
};

}  // namespace troupe::net
