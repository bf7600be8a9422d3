#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace troupe::observe {

/// Lets each kind of line through a few times per window. Fixed memory: kinds
/// whose hashes meet share a slot. Lock-free, any thread; time is an input.
class log_limit {
 public:
  static constexpr std::uint32_t lines_per_window = 10;
  static constexpr std::uint32_t window_seconds = 10;

  struct verdict {
    bool write = true;
    std::uint64_t left_out = 0;  // in the window that this line ends
  };

  /// `now_seconds`: of a clock that never goes back.
  verdict ask(std::string_view kind, std::uint64_t now_seconds) noexcept;

 private:
  /// Upper half: number of the window, plus one; lower half: lines asked for in it.
  std::array<std::atomic<std::uint64_t>, 256> slots_{};
};

}  // namespace troupe::observe
