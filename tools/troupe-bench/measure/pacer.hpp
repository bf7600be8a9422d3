#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::bench {

/// When messages are meant to leave at a fixed total rate: the publishers take
/// turns, so that message `n` of publisher `p` of `P` is number n * P + p of the run and leaves
/// that many intervals after the start. Holds the turns of the publishers of one
/// thread. Time is given, never read; nanoseconds.
class pacer {
 public:
  struct turn {
    std::uint32_t publisher = 0;
    std::int64_t intended = 0;
  };

  pacer() = default;
  /// `rate` messages per second of all `publishers`, of which `mine` (ascending) are paced here.
  pacer(double rate, std::uint32_t publishers, std::vector<std::uint32_t> mine)
      : interval_(rate > 0 ? 1e9 / rate : 0), publishers_(publishers), mine_(std::move(mine)) {}

  void start(std::int64_t at) noexcept { start_ = at; }
  bool active() const noexcept { return interval_ > 0 && !mine_.empty(); }

  /// When message `number` of `publisher` is meant to leave.
  std::int64_t intended(std::uint32_t publisher, std::uint64_t number) const noexcept {
    const auto place = number * publishers_ + publisher;
    return start_ + static_cast<std::int64_t>(static_cast<long double>(place) * interval_);
  }
  /// The next turn; does not end. Only when active().
  turn next() const noexcept { return {mine_[at_], intended(mine_[at_], round_)}; }
  /// Takes it.
  void advance() noexcept {
    if (++at_ < mine_.size()) return;
    at_ = 0;
    ++round_;
  }

 private:
  long double interval_ = 0;  // a double's 53 bits drift in long runs
  std::int64_t start_ = 0;
  std::uint32_t publishers_ = 0;
  std::vector<std::uint32_t> mine_;
  std::size_t at_ = 0;
  std::uint64_t round_ = 0;
};

}  // namespace troupe::bench
