#pragma once

#include "actors/broker/trace/trace_event.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace troupe::broker {

/// The latest events of one trace on one node, bounded in number: the oldest give way and are
/// counted. Their numbers go up by one, and their times never go back. Any thread; the lock is
/// held for moving pointers only.
class trace_ring {
 public:
  using event_ptr = std::shared_ptr<const trace_event>;
  struct numbered {
    std::uint64_t number = 0;
    std::int64_t at_us = 0;
    event_ptr what;
  };
  struct figures {
    std::uint64_t recorded = 0;  // in all
    std::uint64_t lost = 0;      // of them
  };

  explicit trace_ring(std::size_t most) : most_(most) {}

  void add(event_ptr event);
  /// Those with numbers above `after`, at most `limit`, in their order.
  std::vector<numbered> read(std::uint64_t after, std::size_t limit) const;
  figures counted() const;

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<numbered> events_;
  std::uint64_t next_ = 1;
};

}  // namespace troupe::broker
