#pragma once

#include <atomic>
#include <cstdint>

namespace troupe::runtime {

/// A number with one writer thread and any number of readers.
class loop_counter {
 public:
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }
  void set(std::uint64_t x) noexcept { value_.store(x, std::memory_order_relaxed); }
  void add(std::uint64_t x) noexcept { set(get() + x); }
  void raise(std::uint64_t x) noexcept {
    if (x > get()) set(x);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What a run loop has done since it started. Written by its thread alone,
/// readable from any.
struct loop_stats {
  loop_counter turns;         ///< Turns of the loop.
  loop_counter blocks;        ///< Times it had nothing to do and slept.
  loop_counter io_events;     ///< Asio handlers run.
  loop_counter resumes;       ///< Actors resumed.
  loop_counter messages;      ///< Messages handled by lean actors.
  loop_counter timers;        ///< Timers fired.
  loop_counter sent_away;     ///< Actors scheduled on other loops.
  loop_counter failures;      ///< Exceptions caught.
  loop_counter busy_ns;       ///< Time not spent asleep, nanoseconds.
  loop_counter queue_length;  ///< Actors ready to run at the end of the last turn.
  loop_counter lag_ns;        ///< Length of the last turn: how long a ready socket had to wait.
  loop_counter max_lag_ns;    ///< Longest turn.
};

}  // namespace troupe::runtime
