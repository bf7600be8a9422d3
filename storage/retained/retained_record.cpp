// The record of a retained message (stored.message_record), written in one
// pass: the generated class would copy topic and payload on the way.

#include "storage/records/record_codec.hpp"
#include "storage/records/wire_format.hpp"

namespace troupe::storage::record {
namespace {

// Fields of stored.message_record.
enum field : std::uint32_t {
  version = 1,
  topic = 2,
  payload = 3,
  properties = 4,
  level = 5,
  retain = 6,
  expires_at = 7,
  received_at = 8,
  publisher = 9,
  routes_run = 10,
  routes_version = 11,
};

std::size_t optional_bytes_size(std::string_view bytes) noexcept {
  return bytes.empty() ? 0 : wire::bytes_size(bytes.size());
}

char* put_optional_bytes(char* out, field number, std::string_view bytes) noexcept {
  return bytes.empty() ? out : wire::put_bytes(out, number, bytes);
}

char* put_optional_fixed64(char* out, field number, std::uint64_t value) noexcept {
  return value == 0 ? out : wire::put_fixed64(out, number, value);
}

}  // namespace

void encode(const retained_message& from, std::string& out) {
  const auto& m = *from.body;
  const auto qos = static_cast<std::uint64_t>(m.level());
  const auto expiry = static_cast<std::uint64_t>(m.expires_at());
  const auto received = static_cast<std::uint64_t>(m.received_at());
  constexpr std::size_t fixed64_size = 1 + 8;
  const auto most = wire::number_size(record_version) + wire::bytes_size(m.topic().size()) +
                    optional_bytes_size(m.payload()) + optional_bytes_size(m.properties()) +
                    wire::number_size(qos) + wire::number_size(m.retain() ? 1 : 0) +
                    wire::number_size(expiry) + wire::number_size(received) + 2 * fixed64_size +
                    wire::number_size(from.matched.number);
  const auto before = out.size();
  out.resize(before + most);
  char* const begin = out.data() + before;
  char* at = wire::put_number(begin, version, record_version);
  at = wire::put_bytes(at, topic, m.topic());
  at = put_optional_bytes(at, payload, m.payload());
  at = put_optional_bytes(at, properties, m.properties());
  at = wire::put_number(at, level, qos);
  at = wire::put_number(at, retain, m.retain() ? 1 : 0);
  at = wire::put_number(at, expires_at, expiry);
  at = wire::put_number(at, received_at, received);
  at = put_optional_fixed64(at, publisher, m.publisher());
  at = put_optional_fixed64(at, routes_run, from.matched.run);
  at = wire::put_number(at, routes_version, from.matched.number);
  out.resize(before + static_cast<std::size_t>(at - begin));
}

}  // namespace troupe::storage::record
