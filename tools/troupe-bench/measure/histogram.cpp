#include "tools/troupe-bench/measure/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::bench {

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t at = 0; at < buckets_.size(); ++at) buckets_[at] += other.buckets_[at];
  count_ += other.count_;
  sum_ += other.sum_;
  maximum_ = std::max(maximum_, other.maximum_);
  minimum_ = std::min(minimum_, other.minimum_);
}

double histogram::mean() const noexcept {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t histogram::highest_of(std::size_t bucket) noexcept {
  constexpr std::size_t exact = std::size_t{2} << precision;
  if (bucket < exact) return bucket;
  const auto shift = (bucket >> precision) - 1;
  const auto leading = bucket - (shift << precision);
  return ((std::uint64_t{leading} + 1) << shift) - 1;
}

std::uint64_t histogram::quantile(double share) const noexcept {
  if (count_ == 0) return 0;
  const double bounded = std::clamp(share, 0.0, 1.0);
  const auto wanted = static_cast<std::uint64_t>(std::ceil(bounded * static_cast<double>(count_)));
  const auto rank = std::clamp<std::uint64_t>(wanted, 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t at = 0; at < buckets_.size(); ++at) {
    seen += buckets_[at];
    if (seen >= rank) return std::clamp(highest_of(at), minimum_, maximum_);
  }
  return maximum_;
}

}  // namespace troupe::bench
