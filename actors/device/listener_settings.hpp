#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "actors/config/configuration.hpp"
#include "protocol/auth/authenticator.hpp"
#include "protocol/auth/enhanced.hpp"
#include "protocol/net/make_transport.hpp"

namespace troupe::device {

/// Enhanced authentication methods by name.
using enhanced_methods = std::map<std::string, std::shared_ptr<auth::enhanced_method>, std::less<>>;

/// What a listener gives to each of its connections. Immutable; a reload makes
/// a new one for connections that come from then on.
struct listener_settings {
  std::string name;
  net::transport_options transport;
  std::shared_ptr<auth::authenticator> authenticator;
  std::shared_ptr<const enhanced_methods> enhanced;
  config::certificate_username certificate_username = config::certificate_username::none;
  std::uint32_t max_connections = 0;  // 0: only the node's limit holds
  std::uint32_t max_packet_size = 0;  // bytes
  std::uint32_t max_client_id_length = 1024;
  std::uint16_t max_topic_levels = 128;
  std::uint16_t max_topic_alias = 64;
  std::uint64_t max_write_buffer = 4ULL << 20;
  std::int64_t connect_timeout_ms = 10'000;
  std::int64_t max_message_expiry = 0;  // seconds, 0: no limit
};

}  // namespace troupe::device
