#pragma once

#include "actors/observe/counter_table.hpp"
#include "actors/observe/figures/latency.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>

/// What a node shows of itself: counters, logs, metrics, `$SYS`, health.
namespace troupe::observe {

/// What is counted; the table says what each one means.
enum class counter : std::uint16_t {
#define TROUPE_COUNTER(id, metric, key, value, help) id,
  TROUPE_COUNTERS(TROUPE_COUNTER)
#undef TROUPE_COUNTER
};

/// One row of the table.
struct counter_info {
  std::string_view metric;  // exposed as "troupe_<metric>_total"
  std::string_view key;     // of its label; empty: none
  std::string_view value;
  std::string_view help;
};

inline constexpr counter_info counter_table[] = {
#define TROUPE_COUNTER(id, metric, key, value, help) {metric, key, value, help},
    TROUPE_COUNTERS(TROUPE_COUNTER)
#undef TROUPE_COUNTER
};

inline constexpr std::size_t counter_count = std::size(counter_table);

/// One value for each counter, by index.
using counter_values = std::array<std::uint64_t, counter_count>;

constexpr std::size_t index(counter c) noexcept {
  return static_cast<std::size_t>(c);
}

/// The row `offset` places after `first`.
constexpr counter after(counter first, unsigned offset) noexcept {
  return static_cast<counter>(static_cast<unsigned>(first) + offset);
}

/// By MQTT packet type as on the wire, 1 (CONNECT) to 15 (AUTH); the four bits
/// of a fixed header are masked in, 0 counts as CONNECT.
constexpr counter packets_received(unsigned type) noexcept {
  type &= 15U;
  return after(counter::packets_received_connect, type == 0 ? 0 : type - 1);
}
constexpr counter packets_sent(unsigned type) noexcept {
  type &= 15U;
  return after(counter::packets_sent_connect, type == 0 ? 0 : type - 1);
}
/// By QoS 0 to 2; more counts as 2.
constexpr counter messages_received(unsigned level) noexcept {
  return after(counter::messages_received_qos0, level > 2 ? 2 : level);
}
constexpr counter messages_sent(unsigned level) noexcept {
  return after(counter::messages_sent_qos0, level > 2 ? 2 : level);
}

static_assert(packets_received(15) == counter::packets_received_auth);
static_assert(packets_sent(15) == counter::packets_sent_auth);
static_assert(messages_received(2) == counter::messages_received_qos2);
static_assert(messages_sent(2) == counter::messages_sent_qos2);

/// The counters of one run loop: written by its thread alone, read by any.
/// An increment is a load and a store of its own cache lines; it never waits.
class alignas(64) counter_block {
 public:
  counter_block() = default;
  counter_block(const counter_block&) = delete;
  counter_block& operator=(const counter_block&) = delete;

  /// Only by the thread that owns the block.
  void add(counter c, std::uint64_t n = 1) noexcept {
    auto& value = values_[index(c)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  /// For a block that several threads write (a store's callbacks): never mix
  /// it with add() on one block.
  void add_shared(counter c, std::uint64_t n = 1) noexcept {
    values_[index(c)].fetch_add(n, std::memory_order_relaxed);
  }

  /// Any thread.
  std::uint64_t get(counter c) const noexcept {
    return values_[index(c)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, counter_count> values_{};
};

/// The counters of a node: one block per run loop and one that all other
/// threads share. Fixed when made, so any thread may read it.
class counter_set {
 public:
  explicit counter_set(std::size_t run_loops);

  std::size_t run_loops() const noexcept { return run_loops_; }
  /// `run_loop` < run_loops().
  counter_block& block(std::size_t run_loop) noexcept { return blocks_[run_loop]; }
  const counter_block& block(std::size_t run_loop) const noexcept { return blocks_[run_loop]; }
  /// For threads that are no run loop: write with add_shared().
  counter_block& shared_block() noexcept { return blocks_[run_loops_]; }

  /// Times of messages, of a run loop; only by its thread.
  latency_block& latencies(std::size_t run_loop) noexcept { return latencies_[run_loop]; }

  std::uint64_t sum(counter c) const noexcept;
  counter_values totals() const noexcept;
  latency_table latencies() const noexcept;

 private:
  std::size_t run_loops_;
  std::unique_ptr<counter_block[]> blocks_;
  std::unique_ptr<latency_block[]> latencies_;
};

}  // namespace troupe::observe
