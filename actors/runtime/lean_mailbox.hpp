#pragma once

#include <caf/mailbox_element.hpp>

#include <atomic>
#include <cstdint>

namespace troupe::runtime {

/// Mailbox of a lean actor: any number of writers, one reader, 16 bytes.
/// Messages of one sender keep their order.
class lean_mailbox {
 public:
  enum class pushed : std::uint8_t {
    queued,  ///< The reader is awake and will see it.
    wake,    ///< The reader sleeps: whoever got this answer must schedule it.
    closed,  ///< The reader has ended; the message is still the caller's.
  };

  lean_mailbox() = default;
  lean_mailbox(const lean_mailbox&) = delete;
  lean_mailbox& operator=(const lean_mailbox&) = delete;
  ~lean_mailbox();

  /// Any thread. Takes the message unless the answer is `closed`.
  pushed push(caf::mailbox_element_ptr& message) noexcept;

  /// Reader: the oldest message, or nullptr if there is none.
  caf::mailbox_element_ptr pop() noexcept;

  /// Reader: puts the reader to sleep unless a message has come; after true
  /// the next push answers `wake` and another thread may be the reader.
  bool try_sleep() noexcept;

  /// Wakes a sleeping reader without a message: the caller is the reader now, until try_sleep().
  /// False if it is awake or has ended. Any thread.
  bool try_wake() noexcept {
    element* expected = sleeping_mark();
    return newest_.load(std::memory_order_relaxed) == expected &&
           newest_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel,
                                           std::memory_order_relaxed);
  }

  /// Reader: no message enters any more; pop() still gives what is inside.
  void close() noexcept;

 private:
  using element = caf::mailbox_element;

  // Marks that are no addresses of messages.
  static element* sleeping_mark() noexcept { return reinterpret_cast<element*>(std::uintptr_t{1}); }
  static element* closed_mark() noexcept { return reinterpret_cast<element*>(std::uintptr_t{2}); }
  static element* next_of(element* x) noexcept { return static_cast<element*>(x->next); }
  void adopt(element* newest_first) noexcept;

  std::atomic<element*> newest_{sleeping_mark()};  // a stack, newest first
  element* oldest_ = nullptr;                      // the reader's own list, oldest first
};

}  // namespace troupe::runtime
