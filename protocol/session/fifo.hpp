#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include <boost/iterator/iterator_facade.hpp>

namespace troupe::session {

/// A queue in one ring: nothing is allocated while it is empty, which std::deque does not promise
/// and 100,000 idle sessions would pay for, and an item stays where it was put until it leaves or
/// the ring grows. Of fewer than 2^31 items.
template <class T>
class fifo {
  template <class Owner, class Value>
  class place;

 public:
  using iterator = place<fifo, T>;
  using const_iterator = place<const fifo, const T>;

  fifo() = default;
  fifo(fifo&& other) noexcept { swap(other); }
  fifo& operator=(fifo&& other) noexcept {
    fifo(std::move(other)).swap(*this);
    return *this;
  }
  ~fifo() { clear(); }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  T& front() noexcept { return (*this)[0]; }
  T& back() noexcept { return (*this)[size_ - 1]; }
  T& operator[](std::size_t i) noexcept { return slots_[slot(i)]; }
  const T& operator[](std::size_t i) const noexcept { return slots_[slot(i)]; }
  iterator begin() noexcept { return {*this, 0}; }
  iterator end() noexcept { return {*this, size_}; }
  const_iterator begin() const noexcept { return {*this, 0}; }
  const_iterator end() const noexcept { return {*this, size_}; }

  void push_back(T&& item) { emplace_back(std::move(item)); }
  template <class... Parts>
  T& emplace_back(Parts&&... parts) {
    if (size_ == capacity_) grow();
    auto* added = std::construct_at(slots_ + slot(size_), std::forward<Parts>(parts)...);
    ++size_;
    return *added;
  }
  void pop_front() noexcept {
    std::destroy_at(slots_ + head_);
    head_ = slot(1);
    if (--size_ == 0) release();
  }
  void clear() noexcept {
    for (std::size_t i = 0; i < size_; ++i) std::destroy_at(slots_ + slot(i));
    size_ = 0;
    give_back();
  }
  void swap(fifo& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(capacity_, other.capacity_);
    std::swap(head_, other.head_);
    std::swap(size_, other.size_);
  }

 private:
  static constexpr std::uint32_t kept_slots = 64;

  template <class Owner, class Value>
  class place : public boost::iterator_facade<place<Owner, Value>, Value,
                                              boost::random_access_traversal_tag> {
   public:
    place() = default;
    place(Owner& of, std::size_t at) noexcept : of_(&of), at_(static_cast<std::ptrdiff_t>(at)) {}

   private:
    friend class boost::iterator_core_access;
    Value& dereference() const noexcept { return (*of_)[static_cast<std::size_t>(at_)]; }
    bool equal(const place& other) const noexcept { return at_ == other.at_; }
    void increment() noexcept { ++at_; }
    void decrement() noexcept { --at_; }
    void advance(std::ptrdiff_t count) noexcept { at_ += count; }
    std::ptrdiff_t distance_to(const place& other) const noexcept { return other.at_ - at_; }

    Owner* of_ = nullptr;
    std::ptrdiff_t at_ = 0;
  };

  std::uint32_t slot(std::size_t i) const noexcept {
    return (head_ + static_cast<std::uint32_t>(i)) & (capacity_ - 1);
  }
  void grow() {
    const std::uint32_t wider = capacity_ == 0 ? 1 : capacity_ * 2;
    auto* moved = std::allocator<T>{}.allocate(wider);
    for (std::size_t i = 0; i < size_; ++i) {
      auto& item = (*this)[i];
      std::construct_at(moved + i, std::move(item));
      std::destroy_at(&item);
    }
    give_back();
    slots_ = moved;
    capacity_ = wider;
  }
  // A busy queue keeps its storage, a once busy one gives it back.
  void release() noexcept {
    head_ = 0;
    if (capacity_ > kept_slots) give_back();
  }
  void give_back() noexcept {
    if (slots_ != nullptr) std::allocator<T>{}.deallocate(slots_, capacity_);
    slots_ = nullptr;
    capacity_ = head_ = 0;
  }

  T* slots_ = nullptr;
  std::uint32_t capacity_ = 0;  // a power of two, or nothing
  std::uint32_t head_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace troupe::session
