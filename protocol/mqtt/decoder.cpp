#include "protocol/mqtt/decoder.hpp"

#include "protocol/mqtt/wire/fixed_header.hpp"
#include "protocol/mqtt/wire/reader.hpp"

namespace troupe::mqtt {

using namespace wire;

namespace {

template <class T>
decoded<packet> widen(decoded<T> from) {
  if (!from) return from.error();
  return packet{std::move(*from)};
}

template <class T>
decoded<packet> decode_empty(const frame& from, protocol_version version) {
  reader in{from.body};
  check_fixed_header(in, from, from.type(), version);
  in.expect_end();
  if (!in.ok()) return in.error();
  return packet{T{}};
}

}  // namespace

decoded<packet> decode(const frame& from, protocol_version version) {
  switch (from.type()) {
    case packet_type::connect:
      return widen(decode_connect(from));
    case packet_type::connack:
      return widen(decode_connack(from, version));
    case packet_type::publish: {
      publish_packet out;
      if (const auto error = decode_publish(from, version, out)) return *error;
      return packet{std::move(out)};
    }
    case packet_type::puback:
    case packet_type::pubrec:
    case packet_type::pubrel:
    case packet_type::pubcomp:
      return widen(decode_ack(from, version));
    case packet_type::subscribe:
      return widen(decode_subscribe(from, version));
    case packet_type::unsubscribe:
      return widen(decode_unsubscribe(from, version));
    case packet_type::suback:
    case packet_type::unsuback:
      return widen(decode_suback(from, version));
    case packet_type::pingreq:
      return decode_empty<pingreq_packet>(from, version);
    case packet_type::pingresp:
      return decode_empty<pingresp_packet>(from, version);
    case packet_type::disconnect:
      return widen(decode_disconnect(from, version));
    case packet_type::auth:
      return widen(decode_auth(from, version));
  }
  return decode_error{reason_code::malformed_packet, "packet type 0 does not exist"};
}

}  // namespace troupe::mqtt
