#include "actors/replication/log_loader.hpp"

namespace troupe::replication {

log_loader::~log_loader() { end(); }

void log_loader::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void log_loader::load(storage::raft_group_no group, loaded done) {
  if (!threaded_) return done(log_.load(group));
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  wanted_.emplace_back(group, std::move(done));
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake_.notify_one();
}

void log_loader::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !wanted_.empty(); });
    if (ending_) return;
    auto next = std::move(wanted_.front());
    wanted_.pop_front();
    lock.unlock();
    next.second(log_.load(next.first));
    lock.lock();
  }
}

}  // namespace troupe::replication
