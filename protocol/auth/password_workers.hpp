#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe::auth {

/// Threads for work that is too slow for a run loop, above all password hashes,
/// behind a bounded queue: when more clients connect than can be checked, the
/// rest is told at once to come back instead of waiting until it gives up.
///
/// Lives from the node's start to its end; all functions are safe on any thread.
class password_workers {
 public:
  /// Called with true on a worker to do the work, or with false on the
  /// destructor's thread if the workers end before its turn. Must not throw.
  using task = std::function<void(bool run)>;

  /// At least one thread and one place are used.
  password_workers(std::size_t threads, std::size_t queue_limit);
  ~password_workers();
  password_workers(const password_workers&) = delete;
  password_workers& operator=(const password_workers&) = delete;

  /// False, and the task is dropped uncalled, if the queue is full.
  bool submit(task work);

  std::size_t waiting() const;

 private:
  void serve();

  mutable std::mutex guard_;
  std::condition_variable wake_;
  std::deque<task> queue_;
  std::size_t queue_limit_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace troupe::auth
