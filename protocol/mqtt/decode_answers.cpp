#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/wire/fixed_header.hpp"
#include "protocol/mqtt/wire/properties.hpp"
#include "protocol/mqtt/wire/reader.hpp"
#include "protocol/mqtt/wire/reason_sets.hpp"

namespace troupe::mqtt {

using namespace wire;

namespace {

reason_code read_reason(reader& in, packet_type type) noexcept {
  const auto code = static_cast<reason_code>(in.byte());
  if (in.ok() && !may_carry(type, code)) {
    in.fail(reason_code::protocol_error, "the reason code is not one of this packet");
  }
  return code;
}

void read_connack_properties(reader& in, connack_packet& out) {
  property_reader block{in, property_home::connack};
  for (property read; block.next(read);) {
    const auto short_number = static_cast<std::uint16_t>(read.number);
    switch (read.id) {
      case property_id::session_expiry:
        out.session_expiry = read.number;
        break;
      case property_id::receive_maximum:
        out.receive_maximum = short_number;
        break;
      case property_id::maximum_qos:
        out.maximum_qos = static_cast<qos>(read.number);
        break;
      case property_id::retain_available:
        out.retain_available = read.number != 0;
        break;
      case property_id::maximum_packet_size:
        out.maximum_packet_size = read.number;
        break;
      case property_id::assigned_client_id:
        out.assigned_client_id = read.text;
        break;
      case property_id::topic_alias_maximum:
        out.topic_alias_maximum = short_number;
        break;
      case property_id::server_keep_alive:
        out.server_keep_alive = short_number;
        break;
      case property_id::response_information:
        out.response_information = read.text;
        break;
      case property_id::server_reference:
        out.server_reference = read.text;
        break;
      case property_id::authentication_method:
        out.authentication_method = read.text;
        break;
      case property_id::authentication_data:
        out.authentication_data = read.text;
        break;
      default:
        keep_diagnostic(read, out.info);
        break;
    }
  }
}

}  // namespace

decoded<connack_packet> decode_connack(const frame& from, protocol_version version) {
  reader in{from.body};
  check_fixed_header(in, from, packet_type::connack, version);
  connack_packet out;
  const auto flags = in.byte();
  // 3.1 has no session-present flag; its byte means nothing.
  if (version != protocol_version::v3_1) {
    if (flags > 1) {  // [MQTT-3.2.2-1]
      in.fail(reason_code::malformed_packet, "reserved flags of the CONNACK are set");
    }
    out.session_present = flags == 1;
  }
  if (version == protocol_version::v5) {
    out.reason = read_reason(in, packet_type::connack);
    read_connack_properties(in, out);
  } else {
    out.reason = from_v3_connack(in.byte());
    if (out.reason == reason_code::malformed_packet) {
      in.fail(reason_code::malformed_packet, "the return code of the CONNACK is not known");
    }
  }
  in.expect_end();
  if (in.ok() && out.session_present && out.reason != reason_code::success) {  // [MQTT-3.2.2-6]
    in.fail(reason_code::protocol_error, "a CONNACK that refuses says that a session is present");
  }
  if (!in.ok()) return in.error();
  return out;
}

decoded<ack_packet> decode_ack(const frame& from, protocol_version version) {
  reader in{from.body};
  const auto type = from.type();
  if (type < packet_type::puback || type > packet_type::pubcomp) {
    in.fail(reason_code::malformed_packet, "the packet is no acknowledgement of a message");
  }
  check_fixed_header(in, from, type, version);
  ack_packet out;
  out.kind = static_cast<ack_kind>(type);
  out.id = in.identifier();
  if (version == protocol_version::v5) {
    if (!in.at_end()) out.reason = read_reason(in, type);
    if (!in.at_end()) read_diagnostics(in, static_cast<property_home>(type), out.info);
  }
  in.expect_end();
  if (!in.ok()) return in.error();
  return out;
}

decoded<suback_packet> decode_suback(const frame& from, protocol_version version) {
  reader in{from.body};
  suback_packet out;
  out.unsubscribe = from.type() == packet_type::unsuback;
  const auto type = out.unsubscribe ? packet_type::unsuback : packet_type::suback;
  check_fixed_header(in, from, type, version);
  out.id = in.identifier();
  if (version == protocol_version::v5) {
    read_diagnostics(in, static_cast<property_home>(type), out.info);
  } else if (out.unsubscribe) {
    in.expect_end();
    if (!in.ok()) return in.error();
    return out;
  }
  if (in.at_end()) in.fail(reason_code::protocol_error, "the packet holds no reason code");
  out.reasons.reserve(in.rest().size());
  while (!in.at_end()) {
    const auto code = read_reason(in, type);
    if (in.ok() && version != protocol_version::v5 && is_error(code) &&
        code != reason_code::unspecified_error) {
      in.fail(reason_code::protocol_error, "the return code of the SUBACK is not known");
    }
    out.reasons.push_back(code);
  }
  if (!in.ok()) return in.error();
  return out;
}

decoded<disconnect_packet> decode_disconnect(const frame& from, protocol_version version) {
  reader in{from.body};
  check_fixed_header(in, from, packet_type::disconnect, version);
  disconnect_packet out;
  if (version == protocol_version::v5 && !in.at_end()) {
    out.reason = read_reason(in, packet_type::disconnect);
    if (!in.at_end()) {
      property_reader block{in, property_home::disconnect};
      for (property read; block.next(read);) {
        switch (read.id) {
          case property_id::session_expiry:
            out.session_expiry = read.number;
            break;
          case property_id::server_reference:
            out.server_reference = read.text;
            break;
          default:
            keep_diagnostic(read, out.info);
            break;
        }
      }
    }
  }
  in.expect_end();
  if (!in.ok()) return in.error();
  return out;
}

decoded<auth_packet> decode_auth(const frame& from, protocol_version version) {
  reader in{from.body};
  check_fixed_header(in, from, packet_type::auth, version);
  if (version != protocol_version::v5) {
    in.fail(reason_code::malformed_packet, "packet type 15 does not exist in this version");
  }
  auth_packet out;
  bool has_data = false;
  if (!in.at_end()) {
    out.reason = read_reason(in, packet_type::auth);
    if (!in.at_end()) {
      property_reader block{in, property_home::auth};
      for (property read; block.next(read);) {
        switch (read.id) {
          case property_id::authentication_method:
            out.method = read.text;
            break;
          case property_id::authentication_data:
            out.data = read.text;
            has_data = true;
            break;
          default:
            keep_diagnostic(read, out.info);
            break;
        }
      }
    }
  }
  in.expect_end();
  // Only a plain success may go without [MQTT 5.0, 3.15.2.1 and 3.15.2.2.2].
  if (in.ok() && out.method.empty() && (has_data || out.reason != reason_code::success)) {
    in.fail(reason_code::protocol_error, "the AUTH names no authentication method");
  }
  if (!in.ok()) return in.error();
  return out;
}

}  // namespace troupe::mqtt
