#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe::observe {

/// How far a message has come when its time is taken. All times are since the node of its
/// publisher read it from the socket.
enum class latency_stage : std::uint8_t {
  routed,        // its topic shard has found the receivers
  committed,     // it is in the store for a durable receiver; each receiver counts
  answered,      // PUBACK or PUBREC goes to its publisher
  sent,          // PUBLISH goes to a receiver's connection; each receiver counts
  acknowledged,  // PUBACK or PUBREC of a receiver
};
inline constexpr std::size_t latency_stages = 5;
std::string_view to_string(latency_stage stage) noexcept;

/// Seconds, upper bounds of the classes; the last class is all above.
inline constexpr std::array<double, 16> latency_bounds{
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0,  10.0};

/// What was measured of one stage.
struct latency_figures {
  std::array<std::uint64_t, latency_bounds.size() + 1> counts{};  // messages, by class
  double seconds = 0;                                             // sum
};
/// By stage; of messages from clients of this node, and of those from other nodes.
struct latency_table {
  std::array<latency_figures, latency_stages> own;
  std::array<latency_figures, latency_stages> others;
};

/// The measured times of one run loop: written by its thread alone, read by any.
class alignas(64) latency_block {
 public:
  latency_block() = default;
  latency_block(const latency_block&) = delete;
  latency_block& operator=(const latency_block&) = delete;

  /// Whether the next message is timed: every eighth, so that not only the first of a batch are,
  /// and one in a millisecond at most, so that load makes it no dearer. `now`: any clock, ms.
  bool takes(std::int64_t now) noexcept {
    if ((++asked_ & 7U) != 0 || now == latest_) return false;
    latest_ = now;
    return true;
  }
  /// Less than nothing (clocks that differ or jumped) counts as nothing. `other`: it came from
  /// another node.
  void add(latency_stage stage, bool other, std::int64_t microseconds) noexcept;

  /// Adds to `to`. Any thread.
  void add_to(latency_table& to) const noexcept;

 private:
  struct cells {
    std::array<std::atomic<std::uint64_t>, latency_bounds.size() + 1> counts{};
    std::atomic<std::uint64_t> microseconds{0};
  };
  static void add_to(latency_figures& to, const cells& from) noexcept;

  std::uint32_t asked_ = 0;
  std::int64_t latest_ = 0;
  std::array<std::array<cells, latency_stages>, 2> cells_;
};

}  // namespace troupe::observe
