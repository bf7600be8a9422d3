#pragma once

#include "actors/runtime/intrusive_link.hpp"

namespace troupe::runtime {

/// Something that gathers work during a turn of its run loop and does it once
/// at the end, for instance a socket that writes everything in one system
/// call. Queued by run_loop::flush_later(); may die while it is queued. Only
/// on the thread of its loop.
class flushable : private intrusive_link {
 public:
  flushable() = default;
  virtual ~flushable() = default;

  /// Called once at the end of the turn. May queue itself or others again,
  /// for the next turn, and may destroy itself.
  virtual void flush_turn() = 0;

  /// Whether flush_turn() is due at the end of this turn.
  bool flush_queued() const noexcept { return linked(); }

 private:
  friend class run_loop;
};

}  // namespace troupe::runtime
