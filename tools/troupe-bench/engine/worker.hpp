#pragma once

#include "tools/troupe-bench/engine/run_plan.hpp"
#include "tools/troupe-bench/measure/histogram.hpp"
#include "tools/troupe-bench/measure/pacer.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace troupe::bench {

class client;

/// Whose turns are given by a pacer.
class paced {
 public:
  virtual ~paced() = default;
  /// It is due what was meant for `intended`, ns. On the worker's thread.
  virtual void owe(std::int64_t intended) = 0;
};

/// Written by one worker, read by anyone.
struct alignas(64) worker_counters {
  using count = std::atomic<std::uint64_t>;
  count begun{0};      // connections, ever
  count connected{0};  // CONNACKs, ever
  count resumed{0};    // of them with a session
  count ready{0};      // connected and subscribed, ever
  count closed{0};     // left in good order, ever
  count sent{0};
  count acked{0};  // QoS 1: PUBACK; QoS 2: PUBCOMP
  count received{0};
  count foreign{0};    // not of this run, or for somebody else
  count corrupted{0};  // other bytes than were sent
};

/// Only its writer may add.
inline void add(worker_counters::count& to, std::uint64_t n = 1) noexcept {
  to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// A thread with its own epoll set and the clients that live on it. Everything
/// but post(), poke(), start(), stop() and the counters belongs to that thread.
class worker {
 public:
  worker(std::size_t index, std::uint32_t concurrency, bool spin, fault_log& faults);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// A sentence, or empty.
  std::string start();
  /// Ends the thread; clients are not closed.
  void stop();
  /// Runs `task` on the worker's thread, soon.
  void post(std::function<void()> task);
  /// Has the worker look whether its publishers may send.
  void poke() noexcept;

  std::size_t index() const noexcept { return index_; }
  worker_counters& counters() noexcept { return counters_; }
  histogram& latency() noexcept { return latency_; }
  fault_log& faults() noexcept { return faults_; }

  // For clients, on the worker's thread.

  /// Opens the client when fewer than `concurrency` are being opened.
  void queue_open(client& each) { opening_queue_.push_back(&each); }
  void open_nobody() { opening_queue_.clear(); }
  /// The client is connected, or will never be.
  void opened() noexcept { --opening_; }
  void watch(client& each);
  void unwatch(client& each);
  void flush_later(client& each) { dirty_.push_back(&each); }
  void read_later(client& each) { unread_.push_back(&each); }
  void refill_later(publisher_flow& flow) {
    if (flow.refill_queued) return;
    flow.refill_queued = true;
    refills_.push_back(&flow);
  }
  /// A publisher of another worker has more room.
  void poke_later(worker& other) { pokes_[other.index_] = &other; }
  void expect_workers(std::size_t count) { pokes_.resize(count, nullptr); }
  void own(publisher_flow& flow) { flows_.push_back(&flow); }
  void pace(pacer by) { paused_ = std::move(by); }
  /// Publishers begin; the paced ones at `at`, by the monotonic clock.
  void begin(std::int64_t at) {
    paused_.start(at);
    pacer_ = paused_;
    for (auto* const flow : flows_) refill_later(*flow);
  }
  /// Who takes turns, by number of the run.
  void pace_these(std::vector<paced*> all) { paced_ = std::move(all); }
  /// Where clients read to: capacity and memory shared by all.
  std::vector<char>& buffer() noexcept { return buffer_; }
  /// Seconds since the worker started, for keep-alive.
  std::uint32_t second() const noexcept { return second_; }

 private:
  void run();
  void wait_for_events();
  std::int64_t longest_wait() const;
  void run_posted();
  void do_pending();
  void take_turns();
  void flush();
  void tick();

  std::size_t index_;
  std::uint32_t concurrency_;
  bool spin_;
  fault_log& faults_;
  int epoll_ = -1;
  int wake_ = -1;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> poked_{false};
  std::mutex lock_;
  std::vector<std::function<void()>> posted_;

  worker_counters counters_;
  histogram latency_;
  std::vector<char> buffer_;
  std::deque<client*> opening_queue_;
  std::uint32_t opening_ = 0;
  std::vector<client*> dirty_;
  std::vector<client*> flushing_;
  std::vector<client*> unread_;
  std::vector<client*> reading_;
  std::vector<publisher_flow*> refills_;
  std::vector<publisher_flow*> flows_;
  std::vector<worker*> pokes_;
  std::vector<client*> watched_;
  pacer pacer_;
  pacer paused_;  // until begin()
  std::vector<paced*> paced_;
  std::int64_t started_ = 0;
  std::uint32_t second_ = 0;
};

}  // namespace troupe::bench
