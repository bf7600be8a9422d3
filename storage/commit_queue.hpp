#pragma once

#include "storage/store.hpp"
#include "storage/write_operations.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::storage {

/// A transaction on its way to the writer.
struct pending_commit {
  write_operations operations;
  store::committed done;  // may be null
  std::string refused;    // not empty: it is only answered, with this sentence
};

/// Transactions that wait for the writer, bounded by bytes. Giving never
/// blocks; what is too much is refused through the queue, in its turn.
///
/// One that nobody waits for does not wake a writer that has just been at work: it goes
/// with what comes next, or alone after `linger`. Mostly these are acknowledgements of
/// subscribers, one or more for each message. Thread-safe.
class commit_queue {
 public:
  static constexpr std::chrono::milliseconds linger{5};
  static constexpr std::uint64_t unhurried_bytes = std::uint64_t{1} << 20;  // more does not linger

  explicit commit_queue(std::uint64_t limit_bytes) : limit_(limit_bytes) {}

  /// False if closed: the argument is as it was.
  bool give(pending_commit& commit) {
    const auto bytes = commit.operations.size();
    std::unique_lock lock(mutex_);
    if (closed_) return false;
    if (commit.done || backlog_.load(std::memory_order_relaxed) > unhurried_bytes) urgent_ = true;
    if (backlog_.load(std::memory_order_relaxed) + bytes > limit_) {
      auto entry = std::move(commit.operations.entry);
      commit.operations = {};
      commit.operations.entry = std::move(entry);
      commit.refused = "The store has too much to write: the disk is slower than what arrives.";
    } else {
      backlog_.fetch_add(bytes, std::memory_order_relaxed);
    }
    waiting_.push_back(std::move(commit));
    given_.fetch_add(1, std::memory_order_release);
    wake_writer(lock);
    return true;
  }

  /// Someone waits for all that was given so far.
  void hurry() {
    std::unique_lock lock(mutex_);
    if (waiting_.empty()) return;
    urgent_ = true;
    wake_writer(lock);
  }

  /// Takes all that waits into `into` (empty before). Waits at most `limit`
  /// for something to come, or for close().
  void take(std::vector<pending_commit>& into, std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (!urgent_ && !closed_ && limit.count() > 0) {
      writer_ = writer::lingering;
      wake_.wait_for(lock, std::min(limit, linger), [this] { return urgent_ || closed_; });
      writer_ = writer::asleep;
      wake_.wait_for(lock, limit, [this] { return !waiting_.empty() || closed_; });
      writer_ = writer::at_work;
    }
    urgent_ = false;
    into.swap(waiting_);
  }

  void written(std::uint64_t bytes) noexcept {
    backlog_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    wake_.notify_all();
  }
  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

  /// Transactions given so far.
  std::uint64_t given() const noexcept { return given_.load(std::memory_order_acquire); }
  std::uint64_t backlog() const noexcept { return backlog_.load(std::memory_order_relaxed); }

 private:
  enum class writer : std::uint8_t { at_work, lingering, asleep };

  void wake_writer(std::unique_lock<std::mutex>& lock) {
    if (writer_ != writer::asleep && (writer_ != writer::lingering || !urgent_)) return;
    writer_ = writer::at_work;  // once is enough
    lock.unlock();              // it would wake up only to wait for it
    wake_.notify_one();
  }

  const std::uint64_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<pending_commit> waiting_;
  writer writer_ = writer::at_work;
  bool urgent_ = false;  // someone waits for something in it
  bool closed_ = false;
  std::atomic<std::uint64_t> given_{0};
  std::atomic<std::uint64_t> backlog_{0};
};

}  // namespace troupe::storage
