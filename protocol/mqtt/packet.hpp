#pragma once

#include "protocol/mqtt/reason_code.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Packets as values, one struct for all protocol versions: the codec
/// normalises 3.1 and 3.1.1 to the terms of 5.0, so that no handler exists twice.
namespace troupe::mqtt {

enum class protocol_version : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

enum class qos : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

/// 1..65535; 0 means "none".
using packet_id = std::uint16_t;

/// Name and value, order kept [MQTT-3.1.3-10].
using user_properties = std::vector<std::pair<std::string, std::string>>;

/// Reason string and user properties, which most acknowledgements may carry.
struct diagnostics {
  std::string reason_string;  // empty: absent
  user_properties users;
};

struct will {
  std::string topic;
  std::string payload;
  qos level = qos::at_most_once;
  bool retain = false;
  std::uint32_t delay = 0;              // seconds
  std::optional<std::uint32_t> expiry;  // seconds
  /// Payload format, content type, response topic, correlation data and user
  /// properties as wire bytes, in order; what publish_packet::properties holds.
  std::string properties;
};

/// A session expiry interval: seconds that never pass [MQTT-3.1.2.11.2].
inline constexpr std::uint32_t expires_never = 0xFFFF'FFFF;

struct connect_packet {
  protocol_version version = protocol_version::v5;
  std::string client_id;  // may be empty
  bool clean_start = true;
  std::uint16_t keep_alive = 0;  // seconds, 0: off
  std::optional<std::string> username;
  std::optional<std::string> password;
  std::optional<mqtt::will> will;
  /// Seconds. For version 3 the decoder sets 0 when clean_start and expires_never otherwise.
  std::uint32_t session_expiry = 0;
  std::uint16_t receive_maximum = 65535;
  std::uint32_t maximum_packet_size = 0;  // 0: no limit
  std::uint16_t topic_alias_maximum = 0;
  bool request_response_information = false;
  bool request_problem_information = true;
  std::string authentication_method;  // empty: absent
  std::string authentication_data;
  user_properties users;
};

struct connack_packet {
  bool session_present = false;
  reason_code reason = reason_code::success;
  std::optional<std::uint32_t> session_expiry;
  std::uint16_t receive_maximum = 65535;
  qos maximum_qos = qos::exactly_once;
  bool retain_available = true;
  std::uint32_t maximum_packet_size = 0;  // 0: not sent
  std::string assigned_client_id;         // empty: not sent
  std::uint16_t topic_alias_maximum = 0;
  std::optional<std::uint16_t> server_keep_alive;
  std::string response_information;
  std::string server_reference;
  std::string authentication_method;
  std::string authentication_data;
  diagnostics info;
};

/// Inbound: views point into the frame given to the decoder (or are empty).
struct publish_packet {
  std::string_view topic;  // empty with an alias: resolve it
  std::string_view payload;
  qos level = qos::at_most_once;
  bool retain = false;
  bool dup = false;
  packet_id id = 0;
  std::uint16_t topic_alias = 0;        // 0: none
  std::optional<std::uint32_t> expiry;  // seconds, as on the wire
  std::vector<std::uint32_t> subscription_ids;
  /// The properties that travel with the message (payload format, content
  /// type, response topic, correlation data, user properties), validated, as
  /// wire bytes in their order and without a length in front.
  std::string_view properties;
  /// Backs `properties` when they did not stand together on the wire.
  std::string properties_storage;
};

/// PUBACK, PUBREC, PUBREL and PUBCOMP.
enum class ack_kind : std::uint8_t { puback = 4, pubrec = 5, pubrel = 6, pubcomp = 7 };

struct ack_packet {
  ack_kind kind = ack_kind::puback;
  packet_id id = 0;
  reason_code reason = reason_code::success;
  diagnostics info;
};

enum class retain_handling : std::uint8_t { send = 0, send_if_new = 1, do_not_send = 2 };

struct subscription_options {
  qos maximum_qos = qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  retain_handling retain = retain_handling::send;
  bool operator==(const subscription_options&) const = default;
};

struct subscribe_entry {
  std::string filter;  // with "$share/..." if shared; not yet validated as a filter
  subscription_options options;
};

struct subscribe_packet {
  packet_id id = 0;
  std::uint32_t subscription_id = 0;  // 0: none
  std::vector<subscribe_entry> entries;
  user_properties users;
};

struct unsubscribe_packet {
  packet_id id = 0;
  std::vector<std::string> filters;
  user_properties users;
};

/// SUBACK and UNSUBACK (for version 3 an UNSUBACK has no reasons on the wire).
struct suback_packet {
  bool unsubscribe = false;
  packet_id id = 0;
  std::vector<reason_code> reasons;
  diagnostics info;
};

struct pingreq_packet {};
struct pingresp_packet {};

struct disconnect_packet {
  reason_code reason = reason_code::success;
  std::optional<std::uint32_t> session_expiry;
  std::string server_reference;
  diagnostics info;
};

struct auth_packet {
  reason_code reason = reason_code::success;
  std::string method;
  std::string data;
  diagnostics info;
};

using packet = std::variant<connect_packet, connack_packet, publish_packet, ack_packet,
                            subscribe_packet, suback_packet, unsubscribe_packet, pingreq_packet,
                            pingresp_packet, disconnect_packet, auth_packet>;

}  // namespace troupe::mqtt
