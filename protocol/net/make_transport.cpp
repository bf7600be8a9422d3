#include "protocol/net/make_transport.hpp"

#include "protocol/net/socket_transport.hpp"
#include "protocol/net/tls_transport.hpp"
#include "protocol/net/websocket_transport.hpp"

#include <utility>

namespace troupe::net {

std::unique_ptr<transport> make_transport(const loop_context& loop, int fd, std::string address,
                                          bool loopback, const transport_options& options) {
  peer_info peer;
  peer.address = std::move(address);
  peer.loopback = loopback;
  peer.websocket = options.websocket != nullptr;
  std::unique_ptr<socket_transport> stream;
  if (options.tls)
    stream = std::make_unique<tls_transport>(loop, fd, std::move(peer), options.max_output_bytes,
                                             *options.tls);
  else
    stream =
        std::make_unique<socket_transport>(loop, fd, std::move(peer), options.max_output_bytes);
  if (options.proxies) stream->expect_proxy_header();
  if (!options.websocket) return stream;
  return std::make_unique<websocket_transport>(std::move(stream), loop.scratch, options.websocket);
}

}  // namespace troupe::net
