#include "actors/runtime/lean_mailbox.hpp"

namespace troupe::runtime {

lean_mailbox::~lean_mailbox() {
  while (pop()) {
  }
}

lean_mailbox::pushed lean_mailbox::push(caf::mailbox_element_ptr& message) noexcept {
  auto* x = message.get();
  auto* head = newest_.load(std::memory_order_relaxed);
  for (;;) {
    if (head == closed_mark()) return pushed::closed;
    const bool sleeping = head == sleeping_mark();
    x->next = sleeping ? nullptr : head;
    if (newest_.compare_exchange_weak(head, x, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
      message.release();
      return sleeping ? pushed::wake : pushed::queued;
    }
  }
}

caf::mailbox_element_ptr lean_mailbox::pop() noexcept {
  if (oldest_ == nullptr) {
    auto* head = newest_.load(std::memory_order_relaxed);
    if (head == nullptr || head == sleeping_mark() || head == closed_mark()) return nullptr;
    adopt(newest_.exchange(nullptr, std::memory_order_acq_rel));
  }
  auto* x = oldest_;
  oldest_ = next_of(x);
  x->next = nullptr;
  return caf::mailbox_element_ptr{x};
}

bool lean_mailbox::try_sleep() noexcept {
  element* expected = nullptr;
  return newest_.compare_exchange_strong(expected, sleeping_mark(), std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
}

void lean_mailbox::close() noexcept {
  auto* head = newest_.exchange(closed_mark(), std::memory_order_acq_rel);
  if (head != sleeping_mark() && head != closed_mark()) adopt(head);
}

void lean_mailbox::adopt(element* newest_first) noexcept {
  element* turned = nullptr;
  while (newest_first != nullptr) {
    auto* next = next_of(newest_first);
    newest_first->next = turned;
    turned = newest_first;
    newest_first = next;
  }
  if (oldest_ == nullptr) {
    oldest_ = turned;
    return;
  }
  auto* last = oldest_;
  while (last->next != nullptr) last = next_of(last);
  last->next = turned;
}

}  // namespace troupe::runtime
