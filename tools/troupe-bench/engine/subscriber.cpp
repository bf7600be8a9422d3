#include "tools/troupe-bench/engine/subscriber.hpp"

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
    : session_client(home, how, std::move(terms), plan, std::move(filter)),
      flows_(flows),
      expected_(expected) {
  if (expected_.group == nullptr) checkers_.resize(expected_.count);
}

void subscriber::on_packet(const mqtt::frame& packet, std::int64_t now) {
  switch (packet.type()) {
    case mqtt::packet_type::publish:
      return on_publish(packet, now);
    case mqtt::packet_type::pubrel:
      if (packet.body.size() < 2) return fail("it sent a malformed PUBREL");
      return acknowledge(mqtt::packet_type::pubcomp, two_bytes(packet.body, 0));
    default:
      return session_client::on_packet(packet, now);
  }
}

void subscriber::on_publish(const mqtt::frame& packet, std::int64_t now) {
  const auto body = packet.body;
  const auto level = packet.flags() >> 1 & 3U;
  if (body.size() < 2) return fail("it sent a malformed PUBLISH");
  std::size_t at = 2U + two_bytes(body, 0);
  const auto topic_end = at;
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
  on_message(packet, body.substr(2, topic_end - 2), body.substr(at), now);
}

bool subscriber::as_sent(const mqtt::frame& packet, std::string_view topic,
                         std::string_view payload, std::uint32_t sequence) const {
  if (payload.size() != plan().payload) return false;
  if (!plan().pattern.ends_with(payload.substr(sizeof(stamp)))) return false;
  if (!expected_.retained) return true;
  return (packet.flags() & 1U) != 0 && publish_template::number_of(topic) == sequence;
}

void subscriber::on_message(const mqtt::frame& packet, std::string_view topic,
                            std::string_view payload, std::int64_t now) {
  auto& counters = home().counters();
  stamp with;
  if (payload.size() < sizeof(with)) return add(counters.foreign);
  std::memcpy(&with, payload.data(), sizeof(with));
  if (with.publisher - expected_.first >= expected_.count) return add(counters.foreign);
  auto& flow = flows_[with.publisher];
  if (with.sequence >= flow.limit) return add(counters.foreign);
  if (!as_sent(packet, topic, payload, with.sequence)) add(counters.corrupted);
  add(counters.received);
  const auto seen = expected_.group != nullptr
                        ? expected_.group->take(with.publisher - expected_.first, with.sequence)
                        : checkers_[with.publisher - expected_.first].take(with.sequence);
  if (plan().latency == latency_of::message) record_latency(with.intended, now);
  if (plan().latency == latency_of::backlog) record_latency(begun_at(), now);
  if (seen != arrival::duplicate && plan().credits && !plan().open_loop)
    give_room(flow, with.sequence);
}

void subscriber::give_room(publisher_flow& flow, std::uint32_t sequence) {
  if (!flow.credit(sequence)) return;
  if (flow.home == &home())
    home().refill_later(flow);
  else
    home().poke_later(*flow.home);
}

}  // namespace troupe::bench
