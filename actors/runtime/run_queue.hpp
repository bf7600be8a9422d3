#pragma once

#include <caf/fwd.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace troupe::runtime {

/// First-in-first-out queue of actors that are ready to run, in a ring that
/// grows and is never given back. Bounded by the number of actors, because an
/// actor is queued once at most. Not thread-safe.
class run_queue {
 public:
  run_queue() : ring_(256) {}

  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }

  void push(caf::resumable* x) {
    if (count_ == ring_.size()) grow();
    ring_[(head_ + count_) & (ring_.size() - 1)] = x;
    ++count_;
  }

  /// Precondition: not empty.
  caf::resumable* pop() noexcept {
    auto* x = ring_[head_];
    head_ = (head_ + 1) & (ring_.size() - 1);
    --count_;
    return x;
  }

  /// Takes the element at `pos` (0 is the oldest) and puts the oldest in its
  /// place. Precondition: pos < size().
  caf::resumable* pop_at(std::size_t pos) noexcept {
    std::swap(ring_[head_], ring_[(head_ + pos) & (ring_.size() - 1)]);
    return pop();
  }

 private:
  void grow() {
    std::vector<caf::resumable*> bigger(ring_.size() * 2);
    for (std::size_t i = 0; i < count_; ++i) bigger[i] = ring_[(head_ + i) & (ring_.size() - 1)];
    ring_.swap(bigger);
    head_ = 0;
  }

  std::vector<caf::resumable*> ring_;
  std::size_t head_ = 0;
  std::size_t count_ = 0;
};

}  // namespace troupe::runtime
