#pragma once

#include "protocol/mqtt/packet.hpp"
#include "tools/troupe-bench/measure/sequence_checker.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::bench {

class publisher;
class tls_client;
class worker;

/// How clients connect; the same for all of a run.
struct connect_settings {
  mqtt::protocol_version version = mqtt::protocol_version::v3_1_1;
  std::uint16_t keep_alive = 60;
  std::string user;
  std::string password;
  const tls_client* tls = nullptr;
  bool websocket = false;
  std::string websocket_path;
};

/// What the run's latency is the latency of.
enum class latency_of : std::uint8_t {
  message,     // from when it was meant to leave until it is here
  connection,  // from when it was begun, or was due, until CONNACK
  backlog,     // from when the receiver's connection was begun until each message is here
};

/// What publishers and subscribers do; fixed while they run but for the atomics.
struct run_plan {
  mqtt::qos level = mqtt::qos::at_most_once;
  std::uint32_t payload = 64;
  std::string pattern;  // what payloads hold behind their stamp
  std::uint32_t window = 0;
  std::uint32_t batch = 1;
  bool open_loop = false;
  bool credits = true;  // deliveries give room in the window, not acknowledgements alone
  latency_of latency = latency_of::message;
  std::atomic<bool> publishing{false};
  /// Latencies that begin in [from, until) are recorded; ns.
  std::atomic<std::int64_t> measure_from{INT64_MAX};
  std::atomic<std::int64_t> measure_until{INT64_MAX};

  bool measures(std::int64_t begin) const noexcept {
    return begin >= measure_from.load(std::memory_order_relaxed) &&
           begin < measure_until.load(std::memory_order_relaxed);
  }
};

/// How much of what a publisher has sent has arrived. `completed` and `arrived` are
/// for the threads of its subscribers, the rest for its own.
struct alignas(64) publisher_flow {
  std::atomic<std::uint64_t> completed{0};  // messages that every receiver has
  std::uint64_t limit = UINT64_MAX;         // messages that the publisher sends
  std::uint32_t receivers = 1;
  std::uint32_t arrived_mask = 0;
  std::unique_ptr<std::atomic<std::uint32_t>[]> arrived;  // by sequence number, if receivers > 1
  worker* home = nullptr;
  publisher* source = nullptr;
  bool refill_queued = false;

  /// One receiver has the message. True: there may be more room in the window.
  bool credit(std::uint64_t sequence) noexcept {
    if (receivers > 1) {
      auto& count = arrived[sequence & arrived_mask];
      if (count.fetch_add(1, std::memory_order_relaxed) + 1 != receivers) return false;
      count.store(0, std::memory_order_relaxed);  // for the message that comes here next
    }
    completed.fetch_add(1, std::memory_order_release);
    return true;
  }
};

/// What a shared group, or the one receiver of retained messages, has got of each publisher.
class group_ledger {
 public:
  group_ledger(std::size_t publishers, std::uint64_t remember)
      : checkers_(publishers, group_checker(remember)) {}

  arrival take(std::uint32_t from, std::uint64_t sequence) {
    const std::lock_guard guard(lock_);
    return checkers_[from].take(sequence);
  }
  const group_checker& of(std::size_t from) const noexcept { return checkers_[from]; }

 private:
  std::mutex lock_;  // nobody waits for it with one thread
  std::vector<group_checker> checkers_;
};

/// Sentences about what went wrong on connections; the first few are kept. Thread-safe.
class fault_log {
 public:
  void add(const std::string& sentence);
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  std::vector<std::string> first() const;

 private:
  static constexpr std::size_t kept = 5;
  mutable std::mutex lock_;
  std::vector<std::string> sentences_;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace troupe::bench
