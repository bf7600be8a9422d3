#include "protocol/mqtt/encoder.hpp"
#include "protocol/mqtt/wire/writer.hpp"

namespace troupe::mqtt {

using namespace wire;

namespace {

std::uint8_t connect_flags(const connect_packet& from) noexcept {
  unsigned bits = from.clean_start ? 0x02U : 0U;
  if (from.will) {
    bits |= 0x04U | (static_cast<unsigned>(from.will->level) << 3);
    if (from.will->retain) bits |= 0x20U;
  }
  if (from.password) bits |= 0x40U;
  if (from.username) bits |= 0x80U;
  return static_cast<std::uint8_t>(bits);
}

void put_connect_properties(writer& body, const connect_packet& from) {
  writer properties;
  if (from.session_expiry != 0) {
    properties.four_bytes(property_id::session_expiry, from.session_expiry);
  }
  if (from.receive_maximum != 65535) {
    properties.two_bytes(property_id::receive_maximum, from.receive_maximum);
  }
  if (from.maximum_packet_size != 0) {
    properties.four_bytes(property_id::maximum_packet_size, from.maximum_packet_size);
  }
  if (from.topic_alias_maximum != 0) {
    properties.two_bytes(property_id::topic_alias_maximum, from.topic_alias_maximum);
  }
  if (from.request_response_information) {
    properties.flag(property_id::request_response_information, true);
  }
  if (!from.request_problem_information) {
    properties.flag(property_id::request_problem_information, false);
  }
  properties.text_if(property_id::authentication_method, from.authentication_method);
  properties.text_if(property_id::authentication_data, from.authentication_data);
  properties.users(from.users);
  body.block(properties);
}

void put_will(writer& body, const will& from, bool v5) {
  if (v5) {
    writer properties;
    if (from.delay != 0) properties.four_bytes(property_id::will_delay, from.delay);
    if (from.expiry) properties.four_bytes(property_id::message_expiry, *from.expiry);
    properties.raw(from.properties);
    body.block(properties);
  }
  body.text(from.topic);
  body.text(from.payload);
}

}  // namespace

bool encode(std::string& out, const connect_packet& from, protocol_version,
            std::uint32_t maximum_packet_size) {
  const bool v5 = from.version == protocol_version::v5;
  // [MQTT-3.1.2-22] of 3.1.1
  if (!v5 && from.password && !from.username) return false;
  writer body;
  body.text(from.version == protocol_version::v3_1 ? "MQIsdp" : "MQTT");
  body.byte(static_cast<std::uint8_t>(from.version));
  body.byte(connect_flags(from));
  body.two_bytes(from.keep_alive);
  if (v5) put_connect_properties(body, from);
  body.text(from.client_id);
  if (from.will) put_will(body, *from.will, v5);
  if (from.username) body.text(*from.username);
  if (from.password) body.text(*from.password);
  return append_packet(out, 0x10, body, maximum_packet_size);
}

bool encode(std::string& out, const subscribe_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  const bool v5 = version == protocol_version::v5;
  writer body;
  body.two_bytes(from.id);
  if (v5) {
    writer properties;
    if (from.subscription_id != 0) {
      properties.varint(property_id::subscription_id, from.subscription_id);
    }
    properties.users(from.users);
    body.block(properties);
  }
  for (const auto& [filter, options] : from.entries) {
    auto bits = static_cast<unsigned>(options.maximum_qos);
    if (v5) {
      bits |= static_cast<unsigned>(options.retain) << 4;
      if (options.no_local) bits |= 0x04U;
      if (options.retain_as_published) bits |= 0x08U;
    }
    body.text(filter);
    body.byte(static_cast<std::uint8_t>(bits));
  }
  return append_packet(out, 0x82, body, maximum_packet_size);
}

bool encode(std::string& out, const unsubscribe_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  writer body;
  body.two_bytes(from.id);
  if (version == protocol_version::v5) {
    writer properties;
    properties.users(from.users);
    body.block(properties);
  }
  for (const auto& filter : from.filters) body.text(filter);
  return append_packet(out, 0xA2, body, maximum_packet_size);
}

bool encode(std::string& out, const packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  return std::visit(
      [&](const auto& held) { return encode(out, held, version, maximum_packet_size); }, from);
}

}  // namespace troupe::mqtt
