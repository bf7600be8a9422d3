#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>

namespace troupe::storage {

/// Reads that wait for a reader, or first for the transactions that were given
/// before them. Bounded, never blocks who gives. Thread-safe.
class read_queue {
 public:
  /// Called once: true: answer; false: say that it failed.
  using job = std::function<void(bool run)>;

  static constexpr std::size_t limit = 1U << 18;

  /// `fence`: number of transactions that must be written first. False if
  /// full or closed: the argument is as it was.
  bool give(job& work, std::uint64_t fence) {
    std::lock_guard lock(mutex_);
    if (closed_ || ready_.size() + fenced_.size() >= limit) return false;
    if (fence <= written_) {
      ready_.push_back(std::move(work));
      if (idle_ > 0) wake_.notify_one();
    } else {
      fenced_.push_back({fence, std::move(work)});
    }
    return true;
  }

  /// So many transactions are written.
  void written(std::uint64_t count) {
    std::lock_guard lock(mutex_);
    written_ = count;
    // Fences of different threads may come slightly out of order: the front
    // waits for its own, which is at most a group later.
    while (!fenced_.empty() && fenced_.front().fence <= written_) {
      ready_.push_back(std::move(fenced_.front().work));
      fenced_.pop_front();
      if (idle_ > 0) wake_.notify_one();
    }
  }

  /// Waits for a read; false when closed and nothing is left that could run.
  bool take(job& into) {
    std::unique_lock lock(mutex_);
    ++idle_;
    wake_.wait(lock, [this] { return !ready_.empty() || closed_; });
    --idle_;
    return pop(into);
  }
  bool try_take(job& into) {
    std::lock_guard lock(mutex_);
    return pop(into);
  }

  /// After the last written(): readers finish what is ready and stop.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    wake_.notify_all();
  }

 private:
  struct fenced {
    std::uint64_t fence = 0;
    job work;
  };
  bool pop(job& into) {
    if (ready_.empty()) return false;
    into = std::move(ready_.front());
    ready_.pop_front();
    return true;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> ready_;
  std::deque<fenced> fenced_;
  std::uint64_t written_ = 0;
  std::uint32_t idle_ = 0;
  bool closed_ = false;
};

}  // namespace troupe::storage
