#include "actors/broker/trace/trace_set.hpp"

#include "protocol/topics/names.hpp"

#include <algorithm>
#include <utility>

namespace troupe::broker {
namespace {

// Clocks of nodes may differ. A message that is older than a trace by more than that has its bit
// from an earlier trace of that slot.
constexpr std::int64_t skew_ms = 2'000;

}  // namespace

trace_set::trace_set(std::vector<running> traces, std::uint32_t version)
    : traces_(std::move(traces)), version_(version) {
  for (const auto& each : traces_) {
    all_ = static_cast<trace_slots>(all_ | each.bit());
    clients_ = clients_ || each.spec.kind == trace_kind::client;
    addresses_ = addresses_ || each.spec.kind == trace_kind::address;
    youngest_ = std::max(youngest_, each.spec.started_at);
  }
}

trace_slots trace_set::by_client(std::string_view client_id) const noexcept {
  trace_slots found = 0;
  if (!clients_) return found;
  for (const auto& each : traces_)
    if (each.spec.kind == trace_kind::client && each.spec.what == client_id)
      found = static_cast<trace_slots>(found | each.bit());
  return found;
}

trace_slots trace_set::by_address(std::string_view address) const noexcept {
  trace_slots found = 0;
  if (!addresses_) return found;
  for (const auto& each : traces_)
    if (each.spec.kind == trace_kind::address && address_begins(address, each.spec.what))
      found = static_cast<trace_slots>(found | each.bit());
  return found;
}

trace_slots trace_set::by_topic(std::string_view topic) const noexcept {
  trace_slots found = 0;
  for (const auto& each : traces_)
    if (each.spec.kind == trace_kind::topic && topics::matches(each.spec.what, topic))
      found = static_cast<trace_slots>(found | each.bit());
  return found;
}

trace_slots trace_set::by_message(const mqtt::message& message) const noexcept {
  const auto mark = message.trace();
  if (mark != 0 && message.received_at() > youngest_ + skew_ms)
    return static_cast<trace_slots>(trace_mark::slots(mark) & all_);
  trace_slots found = 0;
  for (const auto& each : traces_) {
    const bool older = message.received_at() < each.spec.started_at - skew_ms;
    bool follows = !older && (trace_mark::slots(mark) & each.bit()) != 0;
    // It may have been published before its node had heard of the trace.
    if (!follows && each.spec.kind == trace_kind::topic)
      follows = topics::matches(each.spec.what, message.topic());
    if (follows) found = static_cast<trace_slots>(found | each.bit());
  }
  return found;
}

trace_gate::setting trace_set::setting() const noexcept {
  return {!traces_.empty(), clients_, version_, youngest_ + skew_ms};
}

void trace_set::record(trace_slots to, trace_event event) const {
  std::shared_ptr<const trace_event> shared;
  for (const auto& each : traces_) {
    if ((to & each.bit()) == 0) continue;
    if (event.at_us >= each.spec.ends_at() * 1000) continue;
    if (!shared) shared = std::make_shared<const trace_event>(event);
    each.events->add(shared);
  }
}

}  // namespace troupe::broker
