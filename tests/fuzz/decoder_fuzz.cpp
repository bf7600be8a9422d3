// Feeds bytes to framing and decoder in every version. What decodes must encode,
// and what was encoded must decode to the same bytes again; a copy sent to a
// subscriber must be as long as was foretold, and the forwarded properties that
// the decoder let through must be readable.
#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "protocol/mqtt/forwarded_properties.hpp"
#include "protocol/mqtt/framing.hpp"
#include "protocol/mqtt/message.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace troupe::mqtt;

void require(bool condition) {
  if (!condition) std::abort();
}

frame only_frame(std::string_view wire) {
  const auto found = next_frame(wire, 0);
  require(found.status == frame_status::complete && found.size == wire.size());
  return found.frame;
}

void check_copy(const publish_packet& packet, protocol_version version) {
  if (packet.topic.empty()) return;
  message::fields fields;
  fields.topic = packet.topic;
  fields.payload = packet.payload;
  fields.properties = packet.properties;
  const auto copy = message::make(fields);
  publish_form form;
  form.id = packet.id;
  form.level = packet.level;
  form.topic_alias = packet.topic_alias;
  form.expiry = packet.expiry;
  form.subscription_ids = packet.subscription_ids;
  std::string out = "before";
  encode_publish(out, *copy, form, version);
  require(out.size() == 6 + encoded_size(*copy, form, version));
  publish_packet back;
  require(!decode_publish(only_frame(std::string_view{out}.substr(6)), version, back));
  require(back.topic == packet.topic && back.payload == packet.payload &&
          back.properties == packet.properties && back.expiry == packet.expiry);
}

void check_forwarded(std::string_view block) {
  const auto parsed = parse_forwarded(block);
  require(parsed.has_value());
  std::string again;
  require(encode_forwarded(again, *parsed));
  require(again.size() == block.size());
  require(parse_forwarded(again) == parsed);
}

void check_frame(const frame& from, protocol_version version) {
  const auto first = decode(from, version);
  if (!first) {
    require(is_error(first.error().reason) && *first.error().sentence != '\0');
    return;
  }
  std::string once;
  require(encode(once, *first, version));
  const auto second = decode(only_frame(once), version);
  require(static_cast<bool>(second) && second->index() == first->index());
  std::string twice;
  require(encode(twice, *second, version));
  require(once == twice);
  std::string limited;
  encode(limited, *first, version, static_cast<std::uint32_t>(once.size() - 1));
  require(limited.size() < once.size());
  if (const auto* publish = std::get_if<publish_packet>(&*first)) {
    check_copy(*publish, version);
    check_forwarded(publish->properties);
  } else if (const auto* connect = std::get_if<connect_packet>(&*first)) {
    require(connect_version(from) == connect->version);
    if (connect->will) check_forwarded(connect->will->properties);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  while (true) {
    const auto found = next_frame(rest, 1 << 20);
    if (found.status != frame_status::complete) return 0;
    for (const auto version :
         {protocol_version::v3_1, protocol_version::v3_1_1, protocol_version::v5}) {
      check_frame(found.frame, version);
    }
    rest.remove_prefix(found.size);
  }
}
