#include "protocol/mqtt/encoder.hpp"
#include "protocol/mqtt/wire/fixed_header.hpp"
#include "protocol/mqtt/wire/reason_sets.hpp"
#include "protocol/mqtt/wire/writer.hpp"

namespace troupe::mqtt {

using namespace wire;

namespace {

std::uint8_t first_byte(packet_type type) noexcept {
  return static_cast<std::uint8_t>((static_cast<unsigned>(type) << 4) | required_flags(type));
}

bool is_empty(const diagnostics& info) noexcept {
  return info.reason_string.empty() && info.users.empty();
}

// Calls `append` with less and less to say until the packet fits.
template <class Append>
bool append_with(const diagnostics& info, Append&& append) {
  if (append(info)) return true;
  if (!info.users.empty() && append(diagnostics{info.reason_string, {}})) return true;
  return !info.reason_string.empty() && append(diagnostics{});
}

void put(writer& properties, const diagnostics& info) {
  properties.text_if(property_id::reason_string, info.reason_string);
  properties.users(info.users);
}

// Reason and properties at the end of a packet, in the shortest form.
void put_tail(writer& body, reason_code reason, const writer& properties) {
  const bool has_properties = !properties.ok() || !properties.bytes().empty();
  if (reason == reason_code::success && !has_properties) return;
  body.byte(static_cast<std::uint8_t>(reason));
  if (has_properties) body.block(properties);
}

void put_connack_properties(writer& properties, const connack_packet& from) {
  if (from.session_expiry) {
    properties.four_bytes(property_id::session_expiry, *from.session_expiry);
  }
  if (from.receive_maximum != 65535) {
    properties.two_bytes(property_id::receive_maximum, from.receive_maximum);
  }
  if (from.maximum_qos != qos::exactly_once) {
    properties.flag(property_id::maximum_qos, from.maximum_qos == qos::at_least_once);
  }
  if (!from.retain_available) properties.flag(property_id::retain_available, false);
  if (from.maximum_packet_size != 0) {
    properties.four_bytes(property_id::maximum_packet_size, from.maximum_packet_size);
  }
  properties.text_if(property_id::assigned_client_id, from.assigned_client_id);
  if (from.topic_alias_maximum != 0) {
    properties.two_bytes(property_id::topic_alias_maximum, from.topic_alias_maximum);
  }
  if (from.server_keep_alive) {
    properties.two_bytes(property_id::server_keep_alive, *from.server_keep_alive);
  }
  properties.text_if(property_id::response_information, from.response_information);
  properties.text_if(property_id::server_reference, from.server_reference);
  properties.text_if(property_id::authentication_method, from.authentication_method);
  properties.text_if(property_id::authentication_data, from.authentication_data);
}

}  // namespace

bool encode(std::string& out, const connack_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  const bool v5 = version == protocol_version::v5;
  const bool present = from.session_present && from.reason == reason_code::success &&
                       version != protocol_version::v3_1;
  return append_with(v5 ? from.info : diagnostics{}, [&](const diagnostics& info) {
    writer body;
    body.byte(present ? 1 : 0);
    if (v5) {
      body.byte(static_cast<std::uint8_t>(from.reason));
      writer properties;
      put_connack_properties(properties, from);
      put(properties, info);
      body.block(properties);
    } else {
      body.byte(to_v3_connack(from.reason));
    }
    return append_packet(out, first_byte(packet_type::connack), body, maximum_packet_size);
  });
}

bool encode(std::string& out, const ack_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  const auto first = first_byte(static_cast<packet_type>(from.kind));
  const bool v5 = version == protocol_version::v5;
  // Nearly all of them, and without an allocation.
  if (!v5 || (from.reason == reason_code::success && is_empty(from.info))) {
    if (maximum_packet_size != 0 && maximum_packet_size < 4) return false;
    const char bytes[] = {static_cast<char>(first), 2, static_cast<char>(from.id >> 8),
                          static_cast<char>(from.id)};
    out.append(bytes, sizeof bytes);
    return true;
  }
  return append_with(from.info, [&](const diagnostics& info) {
    writer properties;
    put(properties, info);
    writer body;
    body.two_bytes(from.id);
    put_tail(body, from.reason, properties);
    return append_packet(out, first, body, maximum_packet_size);
  });
}

bool encode(std::string& out, const suback_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  const bool v5 = version == protocol_version::v5;
  const auto type = from.unsubscribe ? packet_type::unsuback : packet_type::suback;
  return append_with(v5 ? from.info : diagnostics{}, [&](const diagnostics& info) {
    writer body;
    body.two_bytes(from.id);
    if (v5) {
      writer properties;
      put(properties, info);
      body.block(properties);
    }
    if (v5 || !from.unsubscribe) {
      for (const auto reason : from.reasons) {
        const auto code = v5 || !is_error(reason) ? reason : reason_code::unspecified_error;
        body.byte(static_cast<std::uint8_t>(code));
      }
    }
    return append_packet(out, first_byte(type), body, maximum_packet_size);
  });
}

bool encode(std::string& out, const pingreq_packet&, protocol_version,
            std::uint32_t maximum_packet_size) {
  return append_packet(out, first_byte(packet_type::pingreq), {}, maximum_packet_size);
}

bool encode(std::string& out, const pingresp_packet&, protocol_version,
            std::uint32_t maximum_packet_size) {
  return append_packet(out, first_byte(packet_type::pingresp), {}, maximum_packet_size);
}

bool encode(std::string& out, const disconnect_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  const auto first = first_byte(packet_type::disconnect);
  if (version != protocol_version::v5) return append_packet(out, first, {}, maximum_packet_size);
  return append_with(from.info, [&](const diagnostics& info) {
    writer properties;
    if (from.session_expiry) {
      properties.four_bytes(property_id::session_expiry, *from.session_expiry);
    }
    properties.text_if(property_id::server_reference, from.server_reference);
    put(properties, info);
    writer body;
    put_tail(body, from.reason, properties);
    return append_packet(out, first, body, maximum_packet_size);
  });
}

bool encode(std::string& out, const auth_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  if (version != protocol_version::v5) return false;
  return append_with(from.info, [&](const diagnostics& info) {
    writer properties;
    properties.text_if(property_id::authentication_method, from.method);
    properties.text_if(property_id::authentication_data, from.data);
    put(properties, info);
    writer body;
    put_tail(body, from.reason, properties);
    return append_packet(out, first_byte(packet_type::auth), body, maximum_packet_size);
  });
}

}  // namespace troupe::mqtt
