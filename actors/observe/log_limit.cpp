#include "actors/observe/log_limit.hpp"

#include <functional>

namespace troupe::observe {

log_limit::verdict log_limit::ask(std::string_view kind, std::uint64_t now_seconds) noexcept {
  auto& slot = slots_[std::hash<std::string_view>{}(kind) % slots_.size()];
  const std::uint64_t window = (now_seconds / window_seconds + 1) & 0xFFFFFFFFU;
  std::uint64_t seen = slot.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t lines = seen & 0xFFFFFFFFU;
    if (seen >> 32U == window) {
      if (lines == 0xFFFFFFFFU) return {false, 0};
      if (slot.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed))
        return {lines < lines_per_window, 0};
    } else if (slot.compare_exchange_weak(seen, (window << 32U) | 1U, std::memory_order_relaxed)) {
      return {true, lines > lines_per_window ? lines - lines_per_window : 0};
    }
  }
}

}  // namespace troupe::observe
