#pragma once

#include "protocol/net/loop_context.hpp"
#include "protocol/net/transport.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace troupe::net {

class network_set;
class tls_context;
struct websocket_settings;

/// What a listener gives to each of its connections.
struct transport_options {
  std::shared_ptr<const tls_context> tls;               // null: no TLS
  std::shared_ptr<const websocket_settings> websocket;  // null: MQTT without WebSocket
  /// Who may connect, and must send a PROXY header; null: everybody, without one.
  /// Whoever accepts the connection has checked its address against it.
  std::shared_ptr<const network_set> proxies;
  std::size_t max_output_bytes = 0;  // pending() beyond it closes the connection; 0: no limit
};

/// A transport over a connected socket, whose descriptor it owns from now on.
/// `address` and `loopback` are what the acceptor reported. Never null.
std::unique_ptr<transport> make_transport(const loop_context& loop, int fd, std::string address,
                                          bool loopback, const transport_options& options);

}  // namespace troupe::net
