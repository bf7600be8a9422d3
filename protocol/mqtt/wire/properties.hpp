#pragma once

#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/wire/reader.hpp"

#include <cstdint>
#include <string_view>

namespace troupe::mqtt::wire {

/// Properties of version 5 [MQTT 5.0, 2.2.2.2].
enum class property_id : std::uint8_t {
  payload_format = 0x01,
  message_expiry = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_id = 0x0B,
  session_expiry = 0x11,
  assigned_client_id = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user = 0x26,
  maximum_packet_size = 0x27,
  wildcard_available = 0x28,
  subscription_ids_available = 0x29,
  shared_available = 0x2A,
};

/// Where a block of properties stands: a packet type, or the will in a CONNECT.
enum class property_home : std::uint8_t {
  will = 0,
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  disconnect = 14,
  auth = 15,
};

struct property {
  property_id id{};
  std::uint32_t number = 0;  // of the numeric types
  std::string_view text;     // of strings, binary data and the user property's value
  std::string_view name;     // of a user property
  std::string_view wire;     // identifier and value as they stand in the packet
};

/// Walks a block of properties. Refuses what is not known or not allowed where
/// it stands (malformed_packet), what stands twice, and values out of range
/// (protocol_error), so that a decoder only stores. Failures go to the reader
/// that the block is taken from.
class property_reader {
 public:
  /// Takes the length and the block off `from`, which must outlive this.
  property_reader(reader& from, property_home home) noexcept
      : property_reader(from, home, from.bytes(from.varint())) {}
  /// Walks a block that has no length in front.
  property_reader(reader& errors, property_home home, std::string_view block) noexcept
      : errors_(errors), block_(block), home_(home) {}

  /// False at the end, or after a failure.
  bool next(property& out) noexcept;

 private:
  bool known(std::uint8_t id) noexcept;
  bool in_range(const property& read) noexcept;

  reader& errors_;
  reader block_;
  property_home home_;
  std::uint64_t seen_ = 0;  // a bit for each identifier
};

/// Reads a block in which only reason string and user properties may stand.
void read_diagnostics(reader& from, property_home home, diagnostics& out);
/// Stores `read` when it is one of the two.
void keep_diagnostic(const property& read, diagnostics& out);
/// Stores a user property.
void keep_user(const property& read, user_properties& out);

}  // namespace troupe::mqtt::wire
