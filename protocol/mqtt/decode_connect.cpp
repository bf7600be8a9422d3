#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/wire/properties.hpp"
#include "protocol/mqtt/wire/reader.hpp"

namespace troupe::mqtt {

using namespace wire;

namespace {

/// The flags of a CONNECT [MQTT 5.0, 3.1.2.3].
struct connect_flags {
  std::uint8_t bits = 0;

  bool reserved() const noexcept { return (bits & 0x01U) != 0; }
  bool clean_start() const noexcept { return (bits & 0x02U) != 0; }
  bool will() const noexcept { return (bits & 0x04U) != 0; }
  std::uint8_t will_qos() const noexcept { return (bits >> 3) & 0x03U; }
  bool will_retain() const noexcept { return (bits & 0x20U) != 0; }
  bool password() const noexcept { return (bits & 0x40U) != 0; }
  bool username() const noexcept { return (bits & 0x80U) != 0; }
};

std::optional<protocol_version> read_version(reader& in) noexcept {
  const auto name = in.text();
  const auto level = in.byte();
  if (name == "MQTT" && level == 5) return protocol_version::v5;
  if (name == "MQTT" && level == 4) return protocol_version::v3_1_1;
  if (name == "MQIsdp" && level == 3) return protocol_version::v3_1;
  in.fail(reason_code::unsupported_protocol_version,
          "the protocol name and level are those of no version that is supported");
  return std::nullopt;
}

void check_flags(reader& in, connect_flags flags, protocol_version version) noexcept {
  const auto malformed = [&](const char* sentence) {
    in.fail(reason_code::malformed_packet, sentence);
  };
  // 3.1 has no rule about the reserved flag [MQTT-3.1.2-3].
  if (flags.reserved() && version != protocol_version::v3_1) {
    malformed("the reserved flag of the CONNECT is set");
  }
  if (!flags.will() && (flags.will_qos() != 0 || flags.will_retain())) {  // [MQTT-3.1.2-11, -13]
    malformed("the CONNECT has a will QoS or will retain without a will");
  }
  if (flags.will_qos() == 3) malformed("the will QoS is 3");
  if (version != protocol_version::v5 && flags.password() && !flags.username()) {
    malformed("the CONNECT has a password without a user name");  // [MQTT-3.1.2-22] of 3.1.1
  }
}

void read_connect_properties(reader& in, connect_packet& out) {
  property_reader block{in, property_home::connect};
  bool has_data = false;
  bool has_method = false;
  for (property read; block.next(read);) {
    switch (read.id) {
      case property_id::session_expiry:
        out.session_expiry = read.number;
        break;
      case property_id::receive_maximum:
        out.receive_maximum = static_cast<std::uint16_t>(read.number);
        break;
      case property_id::maximum_packet_size:
        out.maximum_packet_size = read.number;
        break;
      case property_id::topic_alias_maximum:
        out.topic_alias_maximum = static_cast<std::uint16_t>(read.number);
        break;
      case property_id::request_response_information:
        out.request_response_information = read.number != 0;
        break;
      case property_id::request_problem_information:
        out.request_problem_information = read.number != 0;
        break;
      case property_id::authentication_method:
        out.authentication_method = read.text;
        has_method = true;
        break;
      case property_id::authentication_data:
        out.authentication_data = read.text;
        has_data = true;
        break;
      default:
        keep_user(read, out.users);
        break;
    }
  }
  if (has_method && out.authentication_method.empty()) {
    in.fail(reason_code::bad_authentication_method, "the authentication method has no name");
  } else if (has_data && !has_method) {
    in.fail(reason_code::protocol_error, "the CONNECT has authentication data without a method");
  }
}

void read_will(reader& in, connect_flags flags, protocol_version version, will& out) {
  out.level = static_cast<qos>(flags.will_qos());
  out.retain = flags.will_retain();
  if (version == protocol_version::v5) {
    property_reader block{in, property_home::will};
    for (property read; block.next(read);) {
      switch (read.id) {
        case property_id::will_delay:
          out.delay = read.number;
          break;
        case property_id::message_expiry:
          out.expiry = read.number;
          break;
        default:
          out.properties += read.wire;
          break;
      }
    }
  }
  out.topic = in.text();
  out.payload = in.binary();
  if (in.ok() && (out.topic.empty() || has_wildcard(out.topic))) {
    in.fail(reason_code::topic_name_invalid, "the will topic is empty or has a wildcard");
  }
}

// A server assigns an id where the version lets it [MQTT-3.1.3-6, 3.1.3-8].
void check_client_id(reader& in, const connect_packet& packet) noexcept {
  if (!in.ok() || !packet.client_id.empty() || packet.version == protocol_version::v5) return;
  if (packet.version == protocol_version::v3_1 || !packet.clean_start) {
    in.fail(reason_code::client_identifier_not_valid,
            "the client identifier is empty where it must not be");
  }
}

}  // namespace

std::optional<protocol_version> connect_version(const frame& from) noexcept {
  reader in{from.body};
  return read_version(in);
}

decoded<connect_packet> decode_connect(const frame& from) {
  reader in{from.body};
  if (from.first_byte != 0x10) {
    return decode_error{reason_code::malformed_packet,
                        "the fixed header flags are not as required"};
  }
  const auto version = read_version(in);
  if (!version) return in.error();

  connect_packet out;
  out.version = *version;
  const connect_flags flags{in.byte()};
  check_flags(in, flags, *version);
  out.clean_start = flags.clean_start();
  out.keep_alive = in.two_bytes();
  if (*version == protocol_version::v5) {
    read_connect_properties(in, out);
  } else {
    out.session_expiry = out.clean_start ? 0 : expires_never;
  }
  out.client_id = in.text();
  if (flags.will()) read_will(in, flags, *version, out.will.emplace());
  if (flags.username()) out.username = in.text();
  if (flags.password()) out.password = in.binary();
  in.expect_end();
  check_client_id(in, out);
  if (!in.ok()) return in.error();
  return out;
}

}  // namespace troupe::mqtt
