#pragma once

#include "protocol/mqtt/packet.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace troupe::mqtt {

/// The properties that travel with a message from publisher to subscriber,
/// unpacked: for tools, bridges and tests. The broker itself carries them as
/// the wire bytes of publish_packet::properties.
struct forwarded_properties {
  std::optional<bool> payload_is_utf8;  // payload format indicator
  std::optional<std::string> content_type;
  std::optional<std::string> response_topic;
  std::optional<std::string> correlation_data;
  user_properties users;
  bool operator==(const forwarded_properties&) const = default;
};

/// Unpacks message::properties(), publish_packet::properties or
/// will::properties. None when the bytes are not a valid block of these five.
std::optional<forwarded_properties> parse_forwarded(std::string_view block);

/// Appends the block. False, with `out` as it was, when a string is longer than
/// 65535 bytes.
bool encode_forwarded(std::string& out, const forwarded_properties& from);

}  // namespace troupe::mqtt
