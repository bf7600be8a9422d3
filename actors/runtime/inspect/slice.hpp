#pragma once

#include <chrono>

namespace troupe::runtime {

/// How long one look inside may hold a run loop before all others have their turn.
class slice {
 public:
  static constexpr std::chrono::microseconds length{200};

  /// Asked before so many steps: whether there is time for them. The clock is read at every
  /// eighth step.
  bool goes_on(unsigned steps = 1) noexcept {
    steps_ += steps;
    if (steps_ <= 8) return true;
    steps_ = steps;
    return std::chrono::steady_clock::now() < end_;
  }

 private:
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + length;
  unsigned steps_ = 0;
};

}  // namespace troupe::runtime
