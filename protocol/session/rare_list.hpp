#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace troupe::session {

/// A list that is empty in nearly every session nearly always, and takes one pointer then, where a
/// vector takes three: 100,000 idle sessions would pay for it.
template <class T>
class rare_list {
 public:
  bool empty() const noexcept { return items_ == nullptr; }
  std::size_t size() const noexcept { return items_ ? items_->size() : 0; }
  T* begin() noexcept { return items_ ? items_->data() : nullptr; }
  T* end() noexcept { return begin() + size(); }
  const T* begin() const noexcept { return items_ ? items_->data() : nullptr; }
  const T* end() const noexcept { return begin() + size(); }
  /// Of a list that is not empty, as all below.
  T& front() noexcept { return items_->front(); }

  void push_back(T item) {
    if (!items_) items_ = std::make_unique<std::vector<T>>();
    items_->push_back(std::move(item));
  }
  void erase(const T* at) {
    items_->erase(items_->begin() + (at - items_->data()));
    if (items_->empty()) items_.reset();
  }
  void pop_front() { erase(begin()); }
  void clear() noexcept { items_.reset(); }
  /// Erases those for which `gone` holds; answers how many.
  template <class Gone>
  std::size_t erase_if(Gone&& gone) {
    if (!items_) return 0;
    const auto count = std::erase_if(*items_, std::forward<Gone>(gone));
    if (items_->empty()) items_.reset();
    return count;
  }

 private:
  std::unique_ptr<std::vector<T>> items_;  // never empty
};

}  // namespace troupe::session
