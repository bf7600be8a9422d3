#include "protocol/auth/password_workers.hpp"

#include <algorithm>
#include <utility>

namespace troupe::auth {

password_workers::password_workers(std::size_t threads, std::size_t queue_limit)
    : queue_limit_(std::max<std::size_t>(1, queue_limit)) {
  const std::size_t count = std::max<std::size_t>(1, threads);
  threads_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { serve(); });
}

password_workers::~password_workers() {
  std::deque<task> left;
  {
    std::lock_guard lock(guard_);
    stopping_ = true;
    left.swap(queue_);
  }
  wake_.notify_all();
  for (std::thread& each : threads_) each.join();
  for (task& each : left) each(false);
}

bool password_workers::submit(task work) {
  {
    std::lock_guard lock(guard_);
    if (stopping_ || queue_.size() >= queue_limit_) return false;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
  return true;
}

std::size_t password_workers::waiting() const {
  std::lock_guard lock(guard_);
  return queue_.size();
}

void password_workers::serve() {
  for (;;) {
    task next;
    {
      std::unique_lock lock(guard_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    next(true);
  }
}

}  // namespace troupe::auth
