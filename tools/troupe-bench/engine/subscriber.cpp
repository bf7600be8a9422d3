#include "tools/troupe-bench/engine/subscriber.hpp"

#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "tools/troupe-bench/engine/publish_template.hpp"
#include "tools/troupe-bench/engine/worker.hpp"

#include <cstring>

namespace troupe::bench {
namespace {

std::uint16_t two_bytes(std::string_view from, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(from[at]) << 8 |
                                    static_cast<unsigned char>(from[at + 1]));
}

}  // namespace

subscriber::subscriber(worker& home, const connect_settings& how, client_terms terms,
                       const run_plan& plan, std::span<publisher_flow> flows, std::string filter,
                       expected_messages expected)
    : client(home, how, std::move(terms)),
      plan_(plan),
      flows_(flows),
      filter_(std::move(filter)),
      expected_(expected) {
  if (expected_.group == nullptr) checkers_.resize(expected_.count);
}

void subscriber::on_open(bool session_present) {
  if (session_present && subscribed_) return add(home().counters().ready);
  subscribe();
}

void subscriber::subscribe() {
  mqtt::subscribe_packet packet;
  packet.id = 1;
  mqtt::subscription_options options;
  options.maximum_qos = plan_.level;
  packet.entries.push_back({filter_, options});
  mqtt::encode(out(), packet, version());
}

void subscriber::on_packet(const mqtt::frame& packet, std::int64_t now) {
  switch (packet.type()) {
    case mqtt::packet_type::publish:
      return on_publish(packet, now);
    case mqtt::packet_type::pubrel:
      if (packet.body.size() < 2) return fail("it sent a malformed PUBREL");
      return acknowledge(mqtt::packet_type::pubcomp, two_bytes(packet.body, 0));
    case mqtt::packet_type::suback: {
      const auto suback = mqtt::decode_suback(packet, version());
      if (!suback || suback->reasons.size() != 1) return fail("it sent a malformed SUBACK");
      const auto granted = suback->reasons.front();
      if (static_cast<std::uint8_t>(granted) != static_cast<std::uint8_t>(plan_.level))
        return fail("it did not grant the subscription to " + filter_ + ": " +
                    std::string(mqtt::to_string(granted)));
      subscribed_ = true;
      return add(home().counters().ready);
    }
    default:
      return fail("it sent a packet that a subscriber does not expect");
  }
}

void subscriber::on_publish(const mqtt::frame& packet, std::int64_t now) {
  const auto body = packet.body;
  const auto level = packet.flags() >> 1 & 3U;
  if (body.size() < 2) return fail("it sent a malformed PUBLISH");
  std::size_t at = 2U + two_bytes(body, 0);
  if (at + (level != 0 ? 2 : 0) > body.size()) return fail("it sent a malformed PUBLISH");
  if (level != 0) {
    const auto id = two_bytes(body, at);
    at += 2;
    acknowledge(level == 1 ? mqtt::packet_type::puback : mqtt::packet_type::pubrec, id);
  }
  if (version() == mqtt::protocol_version::v5) {
    std::size_t properties = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (at >= body.size() || shift > 21) return fail("it sent a malformed PUBLISH");
      const auto byte = static_cast<unsigned char>(body[at++]);
      properties |= static_cast<std::size_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) break;
    }
    at += properties;
    if (at > body.size()) return fail("it sent a malformed PUBLISH");
  }
  on_payload(body.substr(at), now);
}

void subscriber::on_payload(std::string_view payload, std::int64_t now) {
  auto& counters = home().counters();
  stamp with;
  if (payload.size() < sizeof(with)) return add(counters.foreign);
  std::memcpy(&with, payload.data(), sizeof(with));
  if (with.publisher - expected_.first >= expected_.count) return add(counters.foreign);
  if (payload.size() != plan_.payload || !plan_.pattern.ends_with(payload.substr(sizeof(with))))
    add(counters.corrupted);
  add(counters.received);
  const auto seen = expected_.group != nullptr
                        ? expected_.group->take(with.publisher - expected_.first, with.sequence)
                        : checkers_[with.publisher - expected_.first].take(with.sequence);
  if (with.intended >= plan_.measure_from.load(std::memory_order_relaxed) &&
      with.intended < plan_.measure_until.load(std::memory_order_relaxed))
    home().latency().record(
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, now - with.intended)));
  if (seen == arrival::duplicate) return;
  auto& flow = flows_[with.publisher];
  if (plan_.open_loop || !flow.credit(with.sequence)) return;
  if (flow.home == &home())
    home().refill_later(flow);
  else
    home().poke_later(*flow.home);
}

}  // namespace troupe::bench
