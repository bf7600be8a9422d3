#include "protocol/mqtt/encoder.hpp"
#include "protocol/mqtt/wire/writer.hpp"

#include <cstring>

namespace troupe::mqtt {

using namespace wire;

namespace {

/// The parts of a PUBLISH that do not differ between its receivers.
struct publish_content {
  std::string_view topic;
  std::string_view properties;
  std::string_view payload;
};

struct publish_sizes {
  std::size_t properties = 0;  // of the block without its length
  std::size_t head = 0;        // all between fixed header and payload
  std::size_t remaining = 0;   // the remaining length
  std::size_t packet = 0;      // the whole packet
};

publish_sizes sizes_of(const publish_content& content, const publish_form& form,
                       protocol_version version) noexcept {
  publish_sizes sizes;
  const bool v5 = version == protocol_version::v5;
  sizes.head = 2 + (form.send_topic || !v5 ? content.topic.size() : 0);
  if (form.level != qos::at_most_once) sizes.head += 2;
  if (v5) {
    sizes.properties = content.properties.size();
    if (form.topic_alias != 0) sizes.properties += 3;
    if (form.expiry) sizes.properties += 5;
    for (const auto id : form.subscription_ids) sizes.properties += 1 + varint_size(id);
    sizes.head += varint_size(sizes.properties) + sizes.properties;
  }
  sizes.remaining = sizes.head + content.payload.size();
  sizes.packet = 1 + varint_size(sizes.remaining) + sizes.remaining;
  return sizes;
}

/// Writes into memory that is known to be large enough.
class cursor {
 public:
  explicit cursor(char* at) noexcept : at_(at) {}

  void byte(unsigned value) noexcept { *at_++ = static_cast<char>(value); }
  void two_bytes(unsigned value) noexcept {
    byte(value >> 8);
    byte(value);
  }
  void four_bytes(std::uint32_t value) noexcept {
    two_bytes(value >> 16);
    two_bytes(value);
  }
  void varint(std::size_t value) noexcept {
    for (; value >= 0x80; value >>= 7) byte(static_cast<unsigned>(value) | 0x80U);
    byte(static_cast<unsigned>(value));
  }
  void raw(std::string_view value) noexcept {
    if (value.empty()) return;
    std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }
  void name(property_id id) noexcept { byte(static_cast<unsigned>(id)); }

 private:
  char* at_;
};

unsigned first_byte(const publish_form& form) noexcept {
  return 0x30U | (form.dup ? 0x08U : 0U) | (static_cast<unsigned>(form.level) << 1) |
         (form.retain ? 0x01U : 0U);
}

void put_properties(cursor& to, const publish_content& content, const publish_form& form,
                    std::size_t size) noexcept {
  to.varint(size);
  if (form.topic_alias != 0) {
    to.name(property_id::topic_alias);
    to.two_bytes(form.topic_alias);
  }
  if (form.expiry) {
    to.name(property_id::message_expiry);
    to.four_bytes(*form.expiry);
  }
  for (const auto id : form.subscription_ids) {
    to.name(property_id::subscription_id);
    to.varint(id);
  }
  to.raw(content.properties);
}

void append_publish(std::string& out, const publish_content& content, const publish_form& form,
                    protocol_version version, const publish_sizes& sizes) {
  const bool v5 = version == protocol_version::v5;
  const auto topic = form.send_topic || !v5 ? content.topic : std::string_view{};
  const auto start = out.size();
  if (out.capacity() - start < sizes.packet) out.reserve(start + sizes.packet);
  // The payload is appended, not written over zeros: it may be large.
  out.resize(start + sizes.packet - content.payload.size());
  cursor to{out.data() + start};
  to.byte(first_byte(form));
  to.varint(sizes.remaining);
  to.two_bytes(static_cast<unsigned>(topic.size()));
  to.raw(topic);
  if (form.level != qos::at_most_once) to.two_bytes(form.id);
  if (v5) put_properties(to, content, form, sizes.properties);
  out.append(content.payload);
}

}  // namespace

std::size_t encoded_size(const message& from, const publish_form& form,
                         protocol_version version) noexcept {
  return sizes_of({from.topic(), from.properties(), from.payload()}, form, version).packet;
}

void encode_publish(std::string& out, const message& from, const publish_form& form,
                    protocol_version version) {
  const publish_content content{from.topic(), from.properties(), from.payload()};
  append_publish(out, content, form, version, sizes_of(content, form, version));
}

bool encode(std::string& out, const publish_packet& from, protocol_version version,
            std::uint32_t maximum_packet_size) {
  const publish_content content{from.topic, from.properties, from.payload};
  publish_form form;
  form.id = from.id;
  form.level = from.level;
  form.retain = from.retain;
  form.dup = from.dup;
  form.topic_alias = from.topic_alias;
  form.expiry = from.expiry;
  form.subscription_ids = from.subscription_ids;
  const auto sizes = sizes_of(content, form, version);
  if (content.topic.size() > 0xFFFF || sizes.remaining > largest_varint) return false;
  if (maximum_packet_size != 0 && sizes.packet > maximum_packet_size) return false;
  append_publish(out, content, form, version, sizes);
  return true;
}

}  // namespace troupe::mqtt
