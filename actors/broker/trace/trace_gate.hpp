#pragma once

#include "protocol/mqtt/message.hpp"

#include <atomic>
#include <cstdint>

namespace troupe::broker {

/// What every hop asks: is anything traced, and may it be this message? Written by the tracer,
/// read on any thread. See README.md.
class trace_gate {
 public:
  bool open() const noexcept { return open_.load(std::memory_order_relaxed); }
  /// False: no trace of a topic or of its publisher follows it.
  bool open(const mqtt::message& message) const noexcept {
    if (!open()) return false;
    const auto mark = message.trace();
    return mark == 0 || (mark & 0xFFFF) != 0 ||
           message.received_at() <= horizon_.load(std::memory_order_relaxed);
  }
  /// Traces follow clients by their ids: receivers are looked at.
  bool of_clients() const noexcept { return clients_.load(std::memory_order_relaxed); }
  /// Changes with the traces that run.
  std::uint32_t version() const noexcept { return version_.load(std::memory_order_relaxed); }

  struct setting {
    bool open = false;
    bool clients = false;
    std::uint32_t version = 0;
    /// Marks of messages that were received until then, wall milliseconds, say nothing of the
    /// latest trace.
    std::int64_t horizon = 0;
  };
  void set(const setting& to) noexcept {
    clients_.store(to.clients, std::memory_order_relaxed);
    version_.store(to.version, std::memory_order_relaxed);
    horizon_.store(to.horizon, std::memory_order_relaxed);
    open_.store(to.open, std::memory_order_release);
  }

 private:
  std::atomic<bool> open_{false};
  std::atomic<bool> clients_{false};
  std::atomic<std::uint32_t> version_{0};
  std::atomic<std::int64_t> horizon_{0};
};

}  // namespace troupe::broker
