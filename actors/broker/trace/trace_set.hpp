#pragma once

#include "actors/broker/trace/trace_gate.hpp"
#include "actors/broker/trace/trace_ring.hpp"
#include "actors/broker/trace/trace_spec.hpp"
#include "protocol/mqtt/message.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace troupe::broker {

/// Some of the traces, by slot: one bit each.
using trace_slots = std::uint16_t;

/// The mark of a message, mqtt::message::trace(): by which traces it was followed when it was
/// published, and a number. It goes with the message to other nodes and into the store. All
/// messages that are published while anything is traced have a number, so that a receiver's hops
/// belong together, too.
struct trace_mark {
  static std::uint64_t make(std::uint64_t number, trace_slots by) noexcept {
    return number << 16 | by;
  }
  static trace_slots slots(std::uint64_t mark) noexcept { return static_cast<trace_slots>(mark); }
  static std::uint64_t number(std::uint64_t mark) noexcept { return mark >> 16; }
};

/// The traces that run on this node. Immutable; published as a whole.
class trace_set {
 public:
  struct running {
    trace_spec spec;
    std::shared_ptr<trace_ring> events;
    trace_slots bit() const noexcept { return static_cast<trace_slots>(1U << spec.slot); }
  };

  trace_set() = default;
  trace_set(std::vector<running> traces, std::uint32_t version);

  std::uint32_t version() const noexcept { return version_; }
  bool empty() const noexcept { return traces_.empty(); }
  const std::vector<running>& traces() const noexcept { return traces_; }
  /// Some trace follows clients by their ids.
  bool of_clients() const noexcept { return clients_; }
  bool of_addresses() const noexcept { return addresses_; }

  trace_slots by_client(std::string_view client_id) const noexcept;
  trace_slots by_address(std::string_view address) const noexcept;
  trace_slots by_topic(std::string_view topic) const noexcept;
  /// Of a message on its way: by its mark; if that was made before a trace began, by its topic.
  trace_slots by_message(const mqtt::message& message) const noexcept;

  /// For the gate.
  trace_gate::setting setting() const noexcept;

  /// To the rings of those traces that it still has.
  void record(trace_slots to, trace_event event) const;

 private:
  std::vector<running> traces_;
  std::uint32_t version_ = 0;
  trace_slots all_ = 0;
  bool clients_ = false;
  bool addresses_ = false;
  std::int64_t youngest_ = 0;  // when the last one began
};

}  // namespace troupe::broker
