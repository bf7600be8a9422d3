#include "actors/config/configuration.hpp"

namespace troupe::config {

std::string to_string(const endpoint& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(const endpoint& address) {
  return address.host.starts_with("127.") || address.host == "::1" || address.host == "localhost";
}

bool is_wildcard(const endpoint& address) {
  return address.host == "0.0.0.0" || address.host == "::" || address.host == "*";
}

std::vector<listener_configuration> default_listeners() {
  listener_configuration tcp;
  tcp.name = "tcp";
  tcp.bind = {"127.0.0.1", 1883};
  listener_configuration ws;
  ws.name = "ws";
  ws.transport = transport_kind::ws;
  ws.bind = {"127.0.0.1", 8083};
  return {tcp, ws};
}

bool anonymous_allowed(const configuration& from, const listener_configuration& listener,
                       bool peer_is_loopback) {
  if (listener.allow_anonymous) return *listener.allow_anonymous;
  return from.auth.allow_anonymous.value_or(peer_is_loopback);
}

std::uint32_t max_packet_size(const configuration& from, const listener_configuration& listener) {
  return listener.max_packet_size != 0 ? listener.max_packet_size : from.limits.max_packet_size;
}

}  // namespace troupe::config
