#pragma once

#include <cstdint>
#include <time.h>

namespace troupe::bench {

/// Nanoseconds of the monotonic clock.
inline std::int64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace troupe::bench
