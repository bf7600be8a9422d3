#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::cluster {

/// Bounds of one link; times in milliseconds, sizes in bytes.
struct link_limits {
  /// Waiting and unacknowledged: beyond it droppable frames are given up. Also
  /// the most that is under way on the wire.
  std::size_t window = 8 * 1024 * 1024;
  /// Beyond it the peer is given up: it cannot keep up.
  std::size_t hard_limit = 64 * 1024 * 1024;
  /// Frames are gathered into batches up to this size; a larger frame is one of its own.
  std::size_t batch = 64 * 1024;
  /// No larger frame is sent or taken.
  std::size_t frame = 512 * 1024 * 1024;
  /// How long a break of the connection may last within one pairing.
  std::int64_t resume_ms = 5'000;
  /// How long a peer may leave a question without an answer.
  std::int64_t suspect_ms = 5'000;
  /// How often a question is asked.
  std::int64_t question_ms = 1'000;
  /// How long an acknowledgement may wait for company, unless it was asked for.
  std::int64_t ack_delay_ms = 16;
  /// A longer time without tick() means that this process itself stood still.
  std::int64_t pause_ms = 1'500;
};

}  // namespace troupe::cluster
