#pragma once

#include <array>
#include <cstdint>

namespace troupe::observe {

/// Events per minute of a counter, averaged over the last 1, 5 and 15 minutes
/// with exponential weights, as Mosquitto reports its load.
class load_average {
 public:
  /// Takes the counter's value; `seconds` have passed since the last call.
  void update(std::uint64_t value, double seconds) noexcept;

  /// For 1, 5 and 15 minutes.
  const std::array<double, 3>& per_minute() const noexcept { return averages_; }

 private:
  std::uint64_t last_ = 0;
  bool begun_ = false;
  std::array<double, 3> averages_{};
};

}  // namespace troupe::observe
