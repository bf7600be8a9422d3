// The first step of a socket_transport's handshake where a proxy stands before it.

#include "protocol/net/peer/proxy_header.hpp"
#include "protocol/net/socket_transport.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace troupe::net {

void socket_transport::expect_proxy_header() {
  proxy_header_ = std::make_unique<proxy_header_decoder>();
  peer_.awaits_proxy_header = true;
}

/// False: more of it must come, or the connection has ended. The bytes are looked
/// at first and only those of the header taken; the others are for TLS or MQTT.
bool socket_transport::read_proxy_header() {
  while (!proxy_header_->done()) {
    const auto room = std::min(scratch_.size(), proxy_header_decoder::max_bytes);
    const ssize_t seen = ::recv(fd_, scratch_.data(), room, MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && errno == EINTR) continue;
    if (seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      update_interest();
      return false;
    }
    if (seen <= 0) {
      finish(seen == 0 ? "closed by the peer before its PROXY header was complete"
                       : "connection failed before its PROXY header was complete");
      return false;
    }
    const auto used =
        proxy_header_->feed({scratch_.data(), static_cast<std::size_t>(seen)});
    if (proxy_header_->failed()) {
      finish(proxy_header_->why(), true);
      return false;
    }
    // They are there, and nobody else reads this socket.
    const auto taken = receive_raw(scratch_.first(used));
    if (taken.result != outcome::moved || taken.bytes != used) {
      finish("the PROXY header could not be read");
      return false;
    }
  }
  take_proxied();
  return true;
}

/// A client on the proxy's machine is as near as the proxy itself; what came by its
/// Unix socket may be another proxy; and where the header names nobody, the address
/// is the proxy's, without the rights of loopback.
void socket_transport::take_proxied() {
  const auto& client = proxy_header_->client();
  const bool proxy_is_local = std::exchange(peer_.loopback, false);
  if (client.from) {
    peer_.address = to_string(client.from->address, client.from->port);
    peer_.loopback = proxy_is_local && client.from->address.is_loopback();
  } else if (client.unix_socket) {
    peer_.address = "unix";
  }
  if (!client.certificate_name.empty())
    peer_.certificate = std::make_shared<const peer_info::certificate_names>(
        peer_info::certificate_names{client.certificate_name, {}});
  proxied_tls_ = client.tls;
  peer_.awaits_proxy_header = false;
  proxy_header_.reset();
}

}  // namespace troupe::net
