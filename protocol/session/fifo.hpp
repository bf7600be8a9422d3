#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace troupe::session {

/// A queue in one vector: nothing is allocated while it is empty, which
/// std::deque does not promise and 100,000 idle sessions would pay for.
template <class T>
class fifo {
 public:
  bool empty() const noexcept { return head_ == items_.size(); }
  std::size_t size() const noexcept { return items_.size() - head_; }
  T& front() noexcept { return items_[head_]; }
  T& back() noexcept { return items_.back(); }
  T& operator[](std::size_t i) noexcept { return items_[head_ + i]; }
  const T& operator[](std::size_t i) const noexcept { return items_[head_ + i]; }
  auto begin() noexcept { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() noexcept { return items_.end(); }
  auto begin() const noexcept { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  auto end() const noexcept { return items_.end(); }

  void push_back(T&& item) { emplace_back(std::move(item)); }
  template <class... Parts>
  T& emplace_back(Parts&&... parts) {
    if (head_ > 32 && head_ * 2 > items_.size()) compact();
    return items_.emplace_back(std::forward<Parts>(parts)...);
  }
  void pop_front() {
    if (head_ + 1 == items_.size()) return release();
    items_[head_++] = T{};
  }
  void clear() {
    items_.clear();
    release();
  }

 private:
  void compact() {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  // A busy queue keeps its storage, a once busy one gives it back.
  void release() {
    head_ = 0;
    items_.clear();
    if (items_.capacity() > 64) std::vector<T>{}.swap(items_);
  }

  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace troupe::session
