#pragma once

#include <compare>
#include <cstdint>

#include "protocol/mqtt/packet.hpp"

namespace troupe::session {

/// The place of a QoS 2 message among those that its publisher's session gave to one topic
/// shard, in a cluster. Later ones are greater, also those of a later life of the session. Who
/// kept a message for a receiver keeps its origin, and knows it when it comes again.
struct origin {
  std::uint64_t life = 0;    // of the session, see broker::subscriber
  std::uint64_t number = 0;  // within that life; 0: none

  explicit operator bool() const noexcept { return number != 0; }
  friend auto operator<=>(const origin&, const origin&) = default;
};

/// A QoS 2 message of a client that is not released.
struct received_exchange {
  mqtt::packet_id id = 0;
  origin from{};  // in a cluster
  /// It was kept for its receivers. If not, nobody knows whether it was routed: it is, with that
  /// origin, when it comes again.
  bool taken = true;

  friend bool operator==(const received_exchange&, const received_exchange&) = default;
};

}  // namespace troupe::session
