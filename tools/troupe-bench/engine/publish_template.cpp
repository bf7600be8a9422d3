#include "tools/troupe-bench/engine/publish_template.hpp"

#include "protocol/mqtt/encoder.hpp"

#include <charconv>

namespace troupe::bench {

std::string publish_template::pattern(std::uint32_t payload_bytes) {
  // Bytes that compress badly enough and are the same in every run.
  std::string payload(payload_bytes, '\0');
  std::uint32_t state = 0x9E3779B9U;
  for (auto& byte : payload) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return payload;
}

publish_template::publish_template(std::string topic, bool numbered, mqtt::qos level, bool retain,
                                   std::uint32_t payload_bytes, mqtt::protocol_version version) {
  if (numbered) topic.append("/").append(digits, '0');
  const auto payload = pattern(payload_bytes);
  mqtt::publish_packet packet;
  packet.topic = topic;
  packet.payload = payload;
  packet.level = level;
  packet.retain = retain;
  packet.id = level == mqtt::qos::at_most_once ? 0 : 1;
  if (!mqtt::encode(bytes_, packet, version)) return;
  const auto payload_at = bytes_.size() - payload_bytes;
  const auto topic_end = payload_at - (version == mqtt::protocol_version::v5 ? 1 : 0) -
                         (packet.id != 0 ? 2 : 0);  // no properties
  if (packet.id != 0) id_at_ = topic_end;
  if (numbered) number_at_ = topic_end - digits;
  if (payload_bytes >= sizeof(stamp)) stamp_at_ = payload_at;
}

std::uint64_t publish_template::number_of(std::string_view topic) noexcept {
  std::uint64_t number = 0;
  if (topic.size() <= digits) return UINT64_MAX;
  const auto* const end = topic.data() + topic.size();
  const auto [read_to, error] = std::from_chars(end - digits, end, number);
  return error == std::errc{} && read_to == end ? number : UINT64_MAX;
}

void publish_template::write_number(char* to, std::uint32_t number) noexcept {
  for (auto at = digits; at-- > 0; number /= 10) to[at] = static_cast<char>('0' + number % 10);
}

}  // namespace troupe::bench
