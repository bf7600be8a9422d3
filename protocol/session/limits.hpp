#pragma once

#include <cstdint>

namespace troupe::session {

/// What happens to a message for a session whose queue is full.
enum class queue_policy : std::uint8_t { drop_newest, drop_oldest };

/// Bounds of one session, from the configuration. Zero means "no limit" only
/// where it is said.
struct session_limits {
  std::uint32_t max_queued_messages = 10'000;
  std::uint64_t max_queued_bytes = 64ULL << 20;
  queue_policy full_queue = queue_policy::drop_newest;
  /// Unacknowledged messages to one client, whatever more it would take.
  std::uint16_t max_inflight = 256;
  /// Unacknowledged messages from one client (Receive Maximum of CONNACK).
  std::uint16_t receive_maximum = 1'024;
  std::uint32_t max_subscriptions = 10'000;
  std::uint16_t max_topic_levels = 128;
  std::uint32_t max_message_expiry = 0;  // seconds, 0: as the publisher says
  /// Messages of a durable session that are kept in memory beside the disk.
  std::uint32_t cached_messages = 512;
  std::uint64_t cached_bytes = 1ULL << 20;
};

}  // namespace troupe::session
