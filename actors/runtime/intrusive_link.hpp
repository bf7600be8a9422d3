#pragma once

namespace troupe::runtime {

/// One place in a circular doubly linked list that owns nothing. A lone link
/// is its own list; the head of a list is a link too. An object that derives
/// from it leaves its list by itself when it dies. Not thread-safe.
class intrusive_link {
 public:
  intrusive_link() noexcept : prev_(this), next_(this) {}
  intrusive_link(const intrusive_link&) = delete;
  intrusive_link& operator=(const intrusive_link&) = delete;
  ~intrusive_link() { unlink(); }

  /// For an element: whether it is in a list. For a head: whether the list
  /// has elements.
  bool linked() const noexcept { return next_ != this; }

  intrusive_link* next() const noexcept { return next_; }

  void unlink() noexcept {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

  /// Appends `x`, which must not be in a list, to the list of this head.
  void push_back(intrusive_link& x) noexcept {
    x.prev_ = prev_;
    x.next_ = this;
    prev_->next_ = &x;
    prev_ = &x;
  }

  /// Appends all elements of `other` to this list and leaves `other` empty.
  void splice_back(intrusive_link& other) noexcept {
    if (!other.linked()) return;
    other.next_->prev_ = prev_;
    other.prev_->next_ = this;
    prev_->next_ = other.next_;
    prev_ = other.prev_;
    other.prev_ = other.next_ = &other;
  }

 private:
  intrusive_link* prev_;
  intrusive_link* next_;
};

}  // namespace troupe::runtime
