#include "protocol/mqtt/message.hpp"

#include <cstring>
#include <new>

namespace troupe::mqtt {

message::message(const fields& from) noexcept
    : payload_size_(static_cast<std::uint32_t>(from.payload.size())),
      properties_size_(static_cast<std::uint32_t>(from.properties.size())),
      topic_size_(static_cast<std::uint16_t>(from.topic.size())),
      level_(from.level),
      retain_(from.retain),
      expires_at_(from.expires_at),
      received_at_(packed_time(from)),
      publisher_(from.publisher),
      trace_(from.trace) {}

std::int64_t message::packed_time(const fields& from) noexcept {
  if (from.timed_at <= 0) return from.received_at << time_bits;
  return from.timed_at / 1000 << time_bits | (from.timed_at % 1000 + 1) |
         (from.of_another_node ? elsewhere_bit : 0);
}

message_ptr message::make(const fields& from) {
  const auto size =
      sizeof(message) + from.topic.size() + from.properties.size() + from.payload.size();
  auto* raw = new (::operator new(size)) message(from);
  auto* out = reinterpret_cast<char*>(raw + 1);
  for (auto part : {from.topic, from.properties, from.payload}) {
    if (part.empty()) continue;
    std::memcpy(out, part.data(), part.size());
    out += part.size();
  }
  return message_ptr{raw};
}

void message::destroy(const message* m) noexcept {
  m->~message();
  ::operator delete(const_cast<message*>(m));
}

}  // namespace troupe::mqtt
