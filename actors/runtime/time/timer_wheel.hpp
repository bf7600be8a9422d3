#pragma once

#include "actors/runtime/intrusive_link.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace troupe::runtime {

/// A timer in a timer_wheel. Leaves the wheel by itself when it dies. Only on
/// the thread of its wheel. 32 bytes.
class timer_entry : private intrusive_link {
 public:
  timer_entry() = default;
  virtual ~timer_entry() = default;

  /// Called once when the time has come; the entry is no longer in the wheel
  /// and may be scheduled again or destroyed.
  virtual void on_timer() = 0;

  /// Whether it is in a wheel.
  bool scheduled() const noexcept { return linked(); }

  /// When it is due (milliseconds, rounded up to the wheel's resolution);
  /// meaningful only while scheduled().
  std::int64_t due_ms() const noexcept;

 private:
  friend class timer_wheel;
  std::int64_t tick_ = 0;
};

/// A hierarchical timer wheel: schedule and cancel cost the same however many
/// timers there are and however far away they lie. Fires never early and at
/// most one resolution late. Not thread-safe; one per run loop.
class timer_wheel {
 public:
  /// Milliseconds per tick.
  static constexpr std::int64_t resolution_ms = 16;

  /// What next() answers when there is no timer.
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  /// `now_ms` is the time from which the wheel starts to turn.
  explicit timer_wheel(std::int64_t now_ms);

  /// (Re)schedules `entry` for the time `at_ms`. A time that has passed fires
  /// with the next tick; `never` only cancels.
  void schedule(timer_entry& entry, std::int64_t at_ms);

  /// Takes `entry` out; nothing happens if it is not in.
  void cancel(timer_entry& entry) noexcept { entry.unlink(); }

  /// A time at which advance() is to be called again: never later than the
  /// earliest timer, earlier only while that one is still far away.
  std::int64_t next() noexcept;

  /// Fires what is due at `now_ms`, at most `limit` timers; what remains is
  /// due at once. Answers how many fired. If a timer throws, the wheel stays
  /// whole and the exception passes through.
  std::size_t advance(std::int64_t now_ms, std::size_t limit = 4096);

 private:
  static constexpr unsigned slot_bits = 6;
  static constexpr std::size_t slots = std::size_t{1} << slot_bits;
  // Ten levels of six bits hold every tick of a 64 bit time in milliseconds.
  static constexpr std::size_t levels = 10;

  struct position {
    std::size_t level;
    std::size_t slot;
    std::int64_t tick;
  };

  void place(timer_entry& entry) noexcept;
  bool find(position& where) noexcept;

  std::int64_t now_tick_;
  intrusive_link due_;
  // A set bit may be stale: entries unlink themselves without the wheel.
  std::array<std::uint64_t, levels> occupied_{};
  std::array<std::array<intrusive_link, slots>, levels> wheel_;
};

}  // namespace troupe::runtime
