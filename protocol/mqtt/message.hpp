#pragma once

#include "protocol/mqtt/packet.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstdint>
#include <string_view>

namespace troupe::mqtt {

class message;
using message_ptr = boost::intrusive_ptr<const message>;

/// An application message on its way through the broker: immutable, shared by
/// reference between all its receivers and threads, one allocation. Freed by
/// the last reference, on any thread.
class message {
 public:
  struct fields {
    std::string_view topic;  // never empty, never an alias
    std::string_view payload;
    std::string_view properties;  // see publish_packet::properties
    qos level = qos::at_most_once;
    bool retain = false;
    /// Wall clock, milliseconds since 1970, at which it expires; 0: never.
    std::int64_t expires_at = 0;
    /// Wall clock milliseconds at which it was received.
    std::int64_t received_at = 0;
    /// The session that published it, 0: the broker itself. For no-local.
    std::uint64_t publisher = 0;
    /// See message::trace().
    std::uint64_t trace = 0;
    /// See message::timed_at(); 0: its way is not timed.
    std::int64_t timed_at = 0;
    bool of_another_node = false;  // if it is timed
  };

  /// Copies what the views point to.
  static message_ptr make(const fields& from);

  std::string_view topic() const noexcept { return {bytes(), topic_size_}; }
  std::string_view properties() const noexcept { return {bytes() + topic_size_, properties_size_}; }
  std::string_view payload() const noexcept {
    return {bytes() + topic_size_ + properties_size_, payload_size_};
  }
  qos level() const noexcept { return level_; }
  bool retain() const noexcept { return retain_; }
  std::int64_t expires_at() const noexcept { return expires_at_; }
  std::int64_t received_at() const noexcept { return received_at_ >> time_bits; }
  /// Somebody measures how long its way takes: some messages are, while they are on their way.
  bool timed() const noexcept { return (received_at_ & microsecond_bits) != 0; }
  /// If it is timed: wall clock microseconds at which it was read from its publisher's socket.
  std::int64_t timed_at() const noexcept {
    return received_at() * 1000 + (received_at_ & microsecond_bits) - 1;
  }
  /// If it is timed: that was on another node, by the clock of that one.
  bool of_another_node() const noexcept { return (received_at_ & elsewhere_bit) != 0; }
  std::uint64_t publisher() const noexcept { return publisher_; }
  /// By what administrators who trace messages recognise it on all of its hops; 0: nobody did
  /// when it was published. No part of the message.
  std::uint64_t trace() const noexcept { return trace_; }
  /// Before it is shared.
  void trace(std::uint64_t mark) const noexcept { trace_ = mark; }
  /// Bytes that it keeps in memory.
  std::size_t footprint() const noexcept {
    return sizeof(message) + topic_size_ + properties_size_ + payload_size_;
  }
  bool expired(std::int64_t now_ms) const noexcept {
    return expires_at_ != 0 && now_ms >= expires_at_;
  }
  /// Has the processor fetch what sending it will read. Messages that have waited are cold: a
  /// full queue is larger than the caches nearest to a core.
  void prefetch() const noexcept {
    constexpr std::size_t line = 64;
    for (std::size_t at = 0; at < 3 * line; at += line)
      __builtin_prefetch(reinterpret_cast<const char*>(this) + at);
  }
  fields to_fields() const noexcept {
    return {topic(), payload(),   properties(), level_,
            retain_, expires_at_, received_at(), publisher_, trace_};
  }

 private:
  // Beside the milliseconds of received_at: the microsecond of a timed message, plus one.
  static constexpr int time_bits = 11;
  static constexpr std::int64_t microsecond_bits = 1023;
  static constexpr std::int64_t elsewhere_bit = 1024;

  explicit message(const fields& from) noexcept;
  static std::int64_t packed_time(const fields& from) noexcept;
  const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
  friend void intrusive_ptr_add_ref(const message* m) noexcept {
    m->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const message* m) noexcept {
    if (m->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(m);
  }
  static void destroy(const message* m) noexcept;

  mutable std::atomic<std::uint32_t> references_{0};
  std::uint32_t payload_size_;
  std::uint32_t properties_size_;
  std::uint16_t topic_size_;
  qos level_;
  bool retain_;
  std::int64_t expires_at_;
  std::int64_t received_at_;
  std::uint64_t publisher_;
  mutable std::uint64_t trace_;
};

}  // namespace troupe::mqtt
