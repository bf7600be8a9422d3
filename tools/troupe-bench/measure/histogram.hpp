#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace troupe::bench {

/// Latencies in nanoseconds, counted in buckets whose width grows with the value:
/// 128 buckets per power of two, so that what is read back is at most 0.8 % too high.
/// Values above `largest` (73 minutes) count as `largest`. Not thread-safe: one
/// for each thread, merged at the end.
class histogram {
 public:
  static constexpr std::uint64_t largest = (std::uint64_t{1} << 42) - 1;

  void record(std::uint64_t value) noexcept {
    if (value > largest) value = largest;
    ++buckets_[bucket_of(value)];
    ++count_;
    sum_ += value;
    if (value > maximum_) maximum_ = value;
    if (value < minimum_) minimum_ = value;
  }

  void merge(const histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_; }
  /// 0 while empty, as are all of these.
  std::uint64_t minimum() const noexcept { return count_ == 0 ? 0 : minimum_; }
  std::uint64_t maximum() const noexcept { return maximum_; }
  double mean() const noexcept;
  /// The value that the given share of all values does not exceed: 0.999 for p99.9.
  std::uint64_t quantile(double share) const noexcept;

 private:
  static constexpr unsigned precision = 7;  // bits kept below the highest one

  static std::size_t bucket_of(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= precision + 1) return static_cast<std::size_t>(value);
    const auto shift = width - (precision + 1);
    return (std::size_t{shift} << precision) + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t highest_of(std::size_t bucket) noexcept;

  static constexpr std::size_t bucket_count = (42 - precision + 1) << precision;

  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t maximum_ = 0;
  std::uint64_t minimum_ = UINT64_MAX;
};

}  // namespace troupe::bench
