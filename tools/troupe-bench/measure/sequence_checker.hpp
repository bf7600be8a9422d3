#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace troupe::bench {

/// What the arrival of a message says about those before it.
enum class arrival : std::uint8_t {
  fresh,      // in order, or behind a gap
  late,       // new, but messages sent after it were here before it
  duplicate,  // was here already
};

/// Checks what one subscriber gets from one publisher whose messages are numbered
/// 0, 1, 2 ... and are all meant for it. 24 bytes while nothing is wrong. Not thread-safe.
class sequence_checker {
 public:
  arrival take(std::uint64_t sequence) {
    if (sequence == next_) [[likely]] {
      ++next_;
      return arrival::fresh;
    }
    return take_unexpected(sequence);
  }

  /// One more than the highest number seen.
  std::uint64_t next() const noexcept { return next_; }
  /// Of `sent` messages, those that never came.
  std::uint64_t lost(std::uint64_t sent) const noexcept;
  std::uint64_t duplicated() const noexcept { return faults_ ? faults_->duplicated : 0; }
  std::uint64_t reordered() const noexcept { return faults_ ? faults_->reordered : 0; }

 private:
  /// More gaps than this at a time are no longer told apart: a late message of a
  /// forgotten gap counts as a duplicate, and stays counted as lost.
  static constexpr std::size_t most_gaps = 4096;

  struct faults {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;  // [first, end), ascending
    std::uint64_t missing = 0;                                  // in gaps, and forgotten ones
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
  };

  arrival take_unexpected(std::uint64_t sequence);

  std::uint64_t next_ = 0;
  std::unique_ptr<faults> faults_;
};

/// Checks what the members of a shared group get together from one publisher, in
/// whatever order: each message once. Remembers the last `remember` numbers exactly.
/// Not thread-safe.
class group_checker {
 public:
  explicit group_checker(std::uint64_t remember = 65536)
      : words_(remember / 64 + 1), seen_(words_, 0) {}

  /// `fresh` or `duplicate`; `late` for a number below what is remembered while
  /// such numbers are missing.
  arrival take(std::uint64_t sequence);

  std::uint64_t lost(std::uint64_t sent) const noexcept {
    return sent - (received_ < sent ? received_ : sent);
  }
  std::uint64_t duplicated() const noexcept { return duplicated_; }
  /// Different messages that came.
  std::uint64_t received() const noexcept { return received_; }

 private:
  void slide(std::uint64_t word);

  std::uint64_t words_;
  std::vector<std::uint64_t> seen_;  // a ring
  std::uint64_t first_word_ = 0;     // of the range that is remembered
  std::uint64_t missed_ = 0;         // numbers below that range that have not come
  std::uint64_t received_ = 0;
  std::uint64_t duplicated_ = 0;
};

}  // namespace troupe::bench
