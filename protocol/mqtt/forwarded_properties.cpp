#include "protocol/mqtt/forwarded_properties.hpp"

#include "protocol/mqtt/wire/properties.hpp"
#include "protocol/mqtt/wire/reader.hpp"
#include "protocol/mqtt/wire/writer.hpp"

namespace troupe::mqtt {

using namespace wire;

std::optional<forwarded_properties> parse_forwarded(std::string_view block) {
  reader errors{{}};
  property_reader in{errors, property_home::publish, block};
  forwarded_properties out;
  for (property read; in.next(read);) {
    switch (read.id) {
      case property_id::payload_format:
        out.payload_is_utf8 = read.number != 0;
        break;
      case property_id::content_type:
        out.content_type = read.text;
        break;
      case property_id::response_topic:
        out.response_topic = read.text;
        break;
      case property_id::correlation_data:
        out.correlation_data = read.text;
        break;
      case property_id::user:
        keep_user(read, out.users);
        break;
      default:
        return std::nullopt;
    }
  }
  if (!errors.ok()) return std::nullopt;
  return out;
}

bool encode_forwarded(std::string& out, const forwarded_properties& from) {
  writer block;
  if (from.payload_is_utf8) block.flag(property_id::payload_format, *from.payload_is_utf8);
  if (from.content_type) block.text(property_id::content_type, *from.content_type);
  if (from.response_topic) block.text(property_id::response_topic, *from.response_topic);
  if (from.correlation_data) block.text(property_id::correlation_data, *from.correlation_data);
  block.users(from.users);
  if (block.ok()) out += block.bytes();
  return block.ok();
}

}  // namespace troupe::mqtt
