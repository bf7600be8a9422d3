#include "tools/troupe-bench/engine/publisher.hpp"

#include "protocol/mqtt/decoder.hpp"
#include "tools/troupe-bench/engine/clock.hpp"

#include <algorithm>

namespace troupe::bench {
namespace {

// Behind so much the rate is beyond the broker, and nothing is learnt from more.
constexpr std::size_t most_owed = 100'000;

}  // namespace

publisher::publisher(worker& home, const connect_settings& how, client_terms terms,
                     const run_plan& plan, publisher_flow& flow, std::uint32_t number,
                     publish_template with)
    : client(home, how, std::move(terms)),
      plan_(plan),
      flow_(flow),
      template_(std::move(with)),
      number_(number) {
  flow_.home = &home;
  flow_.source = this;
}

void publisher::on_open(bool) {
  add(home().counters().ready);
  if (!plan_.open_loop) home().refill_later(flow_);
}

std::uint64_t publisher::under_way() const noexcept {
  auto done = plan_.level == mqtt::qos::at_most_once ? UINT64_MAX : acked_;
  if (plan_.credits) done = std::min(done, flow_.completed.load(std::memory_order_acquire));
  return next_ - std::min(done, next_);
}

void publisher::refill() {
  if (plan_.open_loop || !is_open() || !plan_.publishing.load(std::memory_order_relaxed)) return;
  std::uint64_t window = plan_.window;
  if (plan_.level != mqtt::qos::at_most_once)
    window = std::min<std::uint64_t>(window, receive_maximum());
  const auto busy = under_way();
  auto room = std::min(window - std::min(window, busy), flow_.limit - next_);
  // A few at a time would be a system call for each of them, here and in the broker.
  const auto batch = std::min<std::uint64_t>(plan_.batch, flow_.limit - next_);
  if (room == 0 || (room < batch && busy != 0)) return;
  const auto now = now_ns();
  for (; room > 0; --room) send_one(now);
}

void publisher::owe(std::int64_t intended) {
  if (next_ + owed_.size() >= flow_.limit || !is_open() ||
      !plan_.publishing.load(std::memory_order_relaxed))
    return;
  if (owed_.size() >= most_owed)
    return fail("100,000 messages are overdue: the rate is more than the broker takes");
  owed_.push_back(intended);
  send_owed();
}

void publisher::send_owed() {
  while (!owed_.empty()) {
    const bool counted = plan_.level != mqtt::qos::at_most_once;
    if (counted && next_ - acked_ >= receive_maximum()) return;
    const auto intended = owed_.front();
    owed_.pop_front();
    send_one(intended);
  }
}

void publisher::send_one(std::int64_t intended) {
  if (plan_.level != mqtt::qos::at_most_once && ++id_ == 0) id_ = 1;
  template_.append_to(out(), id_, {number_, static_cast<std::uint32_t>(next_), intended});
  ++next_;
  add(home().counters().sent);
}

void publisher::on_packet(const mqtt::frame& packet, std::int64_t) {
  switch (packet.type()) {
    case mqtt::packet_type::puback:
    case mqtt::packet_type::pubrec:
    case mqtt::packet_type::pubcomp:
      return on_ack(packet);
    case mqtt::packet_type::publish:
      add(home().counters().foreign);
      return;
    default:
      return fail("it sent a packet that a publisher does not expect");
  }
}

void publisher::on_ack(const mqtt::frame& packet) {
  const auto body = packet.body;
  if (body.size() < 2) return fail("it sent a malformed acknowledgement");
  if (body.size() > 2 && static_cast<unsigned char>(body[2]) >= 0x80) {
    const auto reason = static_cast<mqtt::reason_code>(static_cast<unsigned char>(body[2]));
    home().faults().add(terms().client_id +
                        ": a message was refused: " + std::string(mqtt::to_string(reason)) + ".");
    if (packet.type() != mqtt::packet_type::pubcomp) return acked();
  }
  if (packet.type() == mqtt::packet_type::pubrec) {
    const auto id = static_cast<mqtt::packet_id>(static_cast<unsigned char>(body[0]) << 8 |
                                                 static_cast<unsigned char>(body[1]));
    return acknowledge(mqtt::packet_type::pubrel, id);
  }
  acked();
}

void publisher::acked() {
  ++acked_;
  add(home().counters().acked);
  if (plan_.open_loop)
    send_owed();
  else
    home().refill_later(flow_);
}

}  // namespace troupe::bench
