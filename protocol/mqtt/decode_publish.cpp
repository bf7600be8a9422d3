#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/wire/properties.hpp"
#include "protocol/mqtt/wire/reader.hpp"

namespace troupe::mqtt {

using namespace wire;

namespace {

// Lengthens the view while the forwarded properties stand together, and moves
// them to the storage at the first gap.
void keep_forwarded(std::string_view wire, publish_packet& out) {
  if (!out.properties_storage.empty()) {
    out.properties_storage += wire;
  } else if (out.properties.empty()) {
    out.properties = wire;
  } else if (out.properties.data() + out.properties.size() == wire.data()) {
    out.properties = {out.properties.data(), out.properties.size() + wire.size()};
  } else {
    // On the heap from the start: the view must survive a move of the packet.
    out.properties_storage.reserve(64);
    out.properties_storage.append(out.properties).append(wire);
  }
}

void read_publish_properties(reader& in, publish_packet& out) {
  property_reader block{in, property_home::publish};
  for (property read; block.next(read);) {
    switch (read.id) {
      case property_id::message_expiry:
        out.expiry = read.number;
        break;
      case property_id::topic_alias:
        out.topic_alias = static_cast<std::uint16_t>(read.number);
        break;
      case property_id::subscription_id:
        out.subscription_ids.push_back(read.number);
        break;
      default:
        keep_forwarded(read.wire, out);
        break;
    }
  }
  if (!out.properties_storage.empty()) out.properties = out.properties_storage;
}

void check_topic(reader& in, const publish_packet& out, protocol_version version) noexcept {
  if (out.topic.empty()) {
    if (version != protocol_version::v5) {
      in.fail(reason_code::malformed_packet, "the topic name is empty");
    } else if (out.topic_alias == 0) {
      in.fail(reason_code::protocol_error, "the topic name is empty and there is no topic alias");
    }
  } else if (has_wildcard(out.topic)) {
    in.fail(reason_code::topic_name_invalid, "the topic name has a wildcard");
  }
}

}  // namespace

std::optional<decode_error> decode_publish(const frame& from, protocol_version version,
                                           publish_packet& out) {
  const auto level = (from.first_byte >> 1) & 0x03U;
  out.level = static_cast<qos>(level);
  out.retain = (from.first_byte & 0x01U) != 0;
  out.dup = (from.first_byte & 0x08U) != 0;
  out.id = 0;
  out.topic_alias = 0;
  out.expiry.reset();
  out.subscription_ids.clear();
  out.properties = {};
  out.properties_storage.clear();

  reader in{from.body};
  if (level == 3) in.fail(reason_code::malformed_packet, "the QoS is 3");  // [MQTT-3.3.1-4]
  if (level == 0 && out.dup) {                                             // [MQTT-3.3.1-2]
    in.fail(reason_code::malformed_packet, "a QoS 0 message is marked as a duplicate");
  }
  out.topic = in.text();
  if (level != 0) out.id = in.identifier();
  if (version == protocol_version::v5) read_publish_properties(in, out);
  if (in.ok()) check_topic(in, out, version);
  if (!in.ok()) return in.error();
  out.payload = in.rest();
  return std::nullopt;
}

}  // namespace troupe::mqtt
