#pragma once

#include <cstddef>
#include <cstdint>

#include "cluster/link/limits.hpp"

namespace troupe::cluster {

/// What a frame of `bytes` takes from a window: itself and its place in the queues.
constexpr std::size_t frame_cost(std::size_t bytes) noexcept { return bytes + 64; }

/// Decides whether a frame may wait for a peer. Counts what was taken until
/// the peer has acknowledged it. Not thread-safe.
class send_budget {
 public:
  enum class verdict : std::uint8_t {
    taken,
    dropped,  ///< Droppable, and the window is full.
    overrun,  ///< The hard limit: the peer cannot keep up, the pairing must end.
  };

  explicit send_budget(const link_limits& limits) noexcept
      : window_(limits.window), hard_limit_(limits.hard_limit) {}

  /// Asks for a frame of `cost`; takes it if the answer is `taken`. A frame
  /// that finds the window open is taken however large it is, unless it is
  /// droppable: used() stays below hard_limit or window + one frame.
  verdict ask(std::size_t cost, bool droppable) noexcept {
    if (droppable && used_ + cost > window_) return verdict::dropped;
    if (!droppable && used_ > window_ && used_ + cost > hard_limit_) return verdict::overrun;
    used_ += cost;
    if (used_ > peak_) peak_ = used_;
    return verdict::taken;
  }
  /// The peer has it, or it is lost.
  void settle(std::size_t cost) noexcept { used_ -= cost < used_ ? cost : used_; }
  void clear() noexcept { used_ = 0; }

  std::size_t used() const noexcept { return used_; }
  std::size_t peak() const noexcept { return peak_; }

 private:
  std::size_t window_;
  std::size_t hard_limit_;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace troupe::cluster
