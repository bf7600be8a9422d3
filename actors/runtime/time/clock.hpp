#pragma once

#include <atomic>
#include <cstdint>

namespace troupe::runtime {

/// Where run loops read the time from. Any thread.
class clock {
 public:
  clock() = default;
  clock(const clock&) = delete;
  clock& operator=(const clock&) = delete;
  virtual ~clock() = default;

  /// Milliseconds of a clock that never jumps; its zero means nothing.
  virtual std::int64_t steady_ms() = 0;

  /// Milliseconds since 1970-01-01 UTC; may jump.
  virtual std::int64_t wall_ms() = 0;
  /// The same in microseconds.
  virtual std::int64_t wall_us() = 0;
};

/// The clocks of the operating system.
class system_clock : public clock {
 public:
  std::int64_t steady_ms() override;
  std::int64_t wall_ms() override;
  std::int64_t wall_us() override;
};

/// A clock that stands still until a test moves it.
class manual_clock : public clock {
 public:
  explicit manual_clock(std::int64_t steady = 1'000'000, std::int64_t wall = 1'700'000'000'000)
      : steady_(steady), wall_(wall) {}

  std::int64_t steady_ms() override { return steady_.load(std::memory_order_relaxed); }
  std::int64_t wall_ms() override { return wall_.load(std::memory_order_relaxed); }
  std::int64_t wall_us() override { return wall_ms() * 1000; }

  /// Moves both clocks forward by `ms` milliseconds.
  void advance(std::int64_t ms) {
    steady_.fetch_add(ms, std::memory_order_relaxed);
    wall_.fetch_add(ms, std::memory_order_relaxed);
  }

  /// Lets only the wall clock jump, as an administrator or NTP would.
  void set_wall(std::int64_t ms) { wall_.store(ms, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> steady_;
  std::atomic<std::int64_t> wall_;
};

}  // namespace troupe::runtime
