#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/wire/fixed_header.hpp"
#include "protocol/mqtt/wire/properties.hpp"
#include "protocol/mqtt/wire/reader.hpp"

namespace troupe::mqtt {

using namespace wire;

namespace {

subscription_options read_options(reader& in, protocol_version version) noexcept {
  const auto bits = in.byte();
  const auto level = bits & 0x03U;
  const auto retain = (bits >> 4) & 0x03U;
  const bool v5 = version == protocol_version::v5;
  if ((bits & (v5 ? 0xC0U : 0xFCU)) != 0) {  // [MQTT-3.8.3-5]
    in.fail(reason_code::malformed_packet, "reserved bits of the subscription options are set");
  }
  if (level == 3) {
    in.fail(v5 ? reason_code::protocol_error : reason_code::malformed_packet,
            "the QoS of a subscription is 3");
  }
  if (retain == 3)
    in.fail(reason_code::protocol_error, "the retain handling of a subscription is 3");
  if (!in.ok()) return {};
  return {static_cast<qos>(level), (bits & 0x04U) != 0, (bits & 0x08U) != 0,
          static_cast<retain_handling>(retain)};
}

}  // namespace

decoded<subscribe_packet> decode_subscribe(const frame& from, protocol_version version) {
  reader in{from.body};
  check_fixed_header(in, from, packet_type::subscribe, version);
  subscribe_packet out;
  out.id = in.identifier();
  if (version == protocol_version::v5) {
    property_reader block{in, property_home::subscribe};
    for (property read; block.next(read);) {
      if (read.id == property_id::subscription_id) {
        out.subscription_id = read.number;
      } else {
        keep_user(read, out.users);
      }
    }
  }
  if (in.at_end()) {  // [MQTT-3.8.3-2]
    in.fail(reason_code::protocol_error, "the SUBSCRIBE has no topic filter");
  }
  while (!in.at_end()) {
    const auto filter = in.text();
    const auto options = read_options(in, version);
    if (in.ok()) out.entries.push_back({std::string{filter}, options});
  }
  if (!in.ok()) return in.error();
  return out;
}

decoded<unsubscribe_packet> decode_unsubscribe(const frame& from, protocol_version version) {
  reader in{from.body};
  check_fixed_header(in, from, packet_type::unsubscribe, version);
  unsubscribe_packet out;
  out.id = in.identifier();
  if (version == protocol_version::v5) {
    property_reader block{in, property_home::unsubscribe};
    for (property read; block.next(read);) keep_user(read, out.users);
  }
  if (in.at_end()) {  // [MQTT-3.10.3-2]
    in.fail(reason_code::protocol_error, "the UNSUBSCRIBE has no topic filter");
  }
  while (!in.at_end()) {
    const auto filter = in.text();
    if (in.ok()) out.filters.emplace_back(filter);
  }
  if (!in.ok()) return in.error();
  return out;
}

}  // namespace troupe::mqtt
