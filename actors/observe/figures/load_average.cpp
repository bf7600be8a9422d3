#include "actors/observe/figures/load_average.hpp"

#include <cmath>
#include <cstddef>

namespace troupe::observe {

void load_average::update(std::uint64_t value, double seconds) noexcept {
  if (seconds <= 0) return;
  constexpr std::array<double, 3> spans{60, 300, 900};
  const double now = static_cast<double>(value - last_) * 60 / seconds;
  last_ = value;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const double keep = begun_ ? std::exp(-seconds / spans[i]) : 0;
    averages_[i] = now + keep * (averages_[i] - now);
  }
  begun_ = true;
}

}  // namespace troupe::observe
