#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/observe/snapshot.hpp"

namespace troupe::device {

/// Why a connection waits in the kernel's backlog.
enum class deferral : std::uint8_t { none, in_progress, rate, lag };

/// How many CONNECTs a node takes in; 0: no limit.
struct connect_limits {
  std::uint32_t in_progress = 0;  // taken and not answered
  std::uint32_t rate = 0;         // connections per second; as many may come at once after a pause
  std::int64_t lag_ms = 0;        // of a run loop, above which connected clients come first

  bool operator==(const connect_limits&) const = default;
};

/// When the listeners of a node may take the next connection, so that ten thousand devices that
/// come at once are taken in one after the other and those that are connected do not suffer. One
/// per node, asked before each accept(); what it defers waits in the kernel's backlog.
///
/// A connection is *in progress* from accept() to the answer of its CONNECT, handshakes
/// included; one that keeps silent is counted no more after `patience_ms`, so that idle strangers
/// do not keep others out. Time is an input, in steady milliseconds. Any thread.
class connect_gate {
 public:
  /// Of a connection that says nothing.
  static constexpr std::int64_t patience_ms = 1'000;

  /// `loops`: run loops that report their lag.
  explicit connect_gate(unsigned loops = 0) : lags_(loops) {}

  void set(const connect_limits& limits);

  struct answer {
    deferral why = deferral::none;
    std::int64_t wait_ms = 0;  // then it may be asked again
  };
  /// Whether one more may be taken now.
  answer ask(std::int64_t now_ms);
  /// It was taken, after so long in the backlog.
  void enter(std::int64_t now_ms, std::int64_t waited_ms);
  /// Its CONNECT is answered, or it is gone.
  void leave() noexcept { in_progress_.fetch_sub(1, std::memory_order_relaxed); }

  /// Whether somebody was taken or deferred a moment ago: then the lag of the loops is measured.
  bool busy(std::int64_t now_ms) const noexcept;
  /// Whether somebody was deferred a moment ago: then it is worth to know how long others waited.
  bool deferred_lately(std::int64_t now_ms) const noexcept;
  /// A loop begins to measure how long a socket that is ready waits there, and has measured it.
  void lag_begun(unsigned loop, std::int64_t now_ms) noexcept;
  void lag_ended(unsigned loop, std::int64_t now_ms) noexcept;
  /// It measures no more: nobody comes.
  void lag_over(unsigned loop) noexcept { lags_[loop].measured.store(0); }
  /// The longest of all loops, those that are still measured included.
  std::int64_t lag_ms(std::int64_t now_ms) const noexcept;

  observe::connect_figures look(std::int64_t now_ms) const;

 private:
  struct loop_lag {
    std::atomic<std::int64_t> measured{0};
    std::atomic<std::int64_t> since{-1};  // -1: nothing is being measured
  };

  bool take_from_bucket(std::int64_t now_ms, std::int64_t& wait_ms);

  mutable std::mutex mutex_;
  connect_limits limits_;
  std::int64_t filled_at_ms_ = 0;
  std::int64_t tokens_ = 0;  // thousandths of a connection
  std::int64_t last_taken_ms_ = 0;
  std::array<std::uint64_t, observe::connect_figures::bounds.size() + 1> delays_{};
  std::uint64_t delay_sum_ms_ = 0;

  std::atomic<std::int64_t> in_progress_{0};
  std::atomic<std::int64_t> busy_until_ms_{0};
  std::atomic<std::int64_t> deferred_until_ms_{0};
  std::vector<loop_lag> lags_;
};

}  // namespace troupe::device
