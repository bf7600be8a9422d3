#pragma once

#include <cstdint>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <chrono>
#endif

namespace troupe::runtime {

/// A counter of the processor that runs evenly: cheap enough (some nanoseconds, no
/// call) to be read around every run of an actor. Only differences mean something; see
/// loop_coordinator::ns_per_tick().
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t value = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    std::chrono::nanoseconds{1});
#endif
}

}  // namespace troupe::runtime
