#include "tools/troupe-bench/engine/guest.hpp"

#include "tools/troupe-bench/engine/turnstile.hpp"
#include "tools/troupe-bench/engine/worker.hpp"

namespace troupe::bench {

void guest::on_ready() {
  if (door_ != nullptr) door_->arrived(*this);
}

void guest::on_packet(const mqtt::frame& packet, std::int64_t now) {
  if (packet.type() == mqtt::packet_type::publish) return add(home().counters().foreign);
  session_client::on_packet(packet, now);
}

}  // namespace troupe::bench
