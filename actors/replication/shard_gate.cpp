#include "actors/replication/shard_gate.hpp"

#include <utility>

namespace troupe::replication {
namespace {

/// So much is not left to wait for company.
constexpr std::uint64_t lingering_bytes = std::uint64_t{256} << 10;

}  // namespace

shard_gate::call shard_gate::give(waiting_commit commit) {
  const std::lock_guard lock(mutex_);
  commit.ticket = ++last_;
  done_.push_back(false);
  waiting_bytes_ += commit.bytes.size();
  const bool first = waiting_.empty();
  const bool hurries = commit.done || waiting_bytes_ > lingering_bytes;
  waiting_.push_back(std::move(commit));
  if (hurries) return std::exchange(urgent_, true) ? call::no : call::now;
  return first ? call::later : call::no;
}

void shard_gate::take(std::vector<waiting_commit>& into) {
  const std::lock_guard lock(mutex_);
  into.swap(waiting_);
  waiting_bytes_ = 0;
  urgent_ = false;
}

void shard_gate::answered(const std::uint64_t* tickets, std::size_t count) {
  std::vector<read> released;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < count; ++i) {
      if (tickets[i] > answered_) done_[tickets[i] - answered_ - 1] = true;
    }
    for (; !done_.empty() && done_.front(); done_.pop_front()) ++answered_;
    for (; !fenced_.empty() && fenced_.front().ticket <= answered_; fenced_.pop_front()) {
      released.push_back(std::move(fenced_.front().what));
    }
  }
  for (const auto& what : released) what(true);
}

bool shard_gate::quiet() const {
  const std::lock_guard lock(mutex_);
  return done_.empty();
}

bool shard_gate::after_commits(read what) {
  {
    const std::lock_guard lock(mutex_);
    if (!done_.empty()) {
      fenced_.push_back({last_, std::move(what)});
      return !waiting_.empty() && !std::exchange(urgent_, true);
    }
  }
  what(true);
  return false;
}

}  // namespace troupe::replication
