#include "tools/troupe-bench/engine/session_client.hpp"

#include "protocol/mqtt/decoder.hpp"
#include "tools/troupe-bench/engine/worker.hpp"

#include <algorithm>

namespace troupe::bench {

session_client::session_client(worker& home, const connect_settings& how, client_terms terms,
                               const run_plan& plan, std::string filter)
    : client(home, how, std::move(terms)), plan_(plan), filter_(std::move(filter)) {}

void session_client::record_latency(std::int64_t begin, std::int64_t end) {
  if (!plan_.measures(begin)) return;
  home().latency().record(static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - begin)));
}

void session_client::on_open(bool session_present) {
  if (plan_.latency == latency_of::connection) record_latency(begun_at(), read_at());
  if (filter_.empty()) return ready();
  if (!subscribed_) return subscribe(filter_, plan_.level);
  if (!session_present) return fail("it has forgotten the session");
  ready();
}

void session_client::ready() {
  add(home().counters().ready);
  on_ready();
}

void session_client::on_packet(const mqtt::frame& packet, std::int64_t) {
  if (packet.type() != mqtt::packet_type::suback)
    return fail("it sent a packet that a subscriber does not expect");
  const auto suback = mqtt::decode_suback(packet, version());
  if (!suback || suback->reasons.size() != 1) return fail("it sent a malformed SUBACK");
  const auto granted = suback->reasons.front();
  if (static_cast<std::uint8_t>(granted) != static_cast<std::uint8_t>(plan_.level))
    return fail("it did not grant the subscription to " + filter_ + ": " +
                std::string(mqtt::to_string(granted)));
  subscribed_ = true;
  ready();
}

}  // namespace troupe::bench
