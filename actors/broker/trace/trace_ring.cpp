#include "actors/broker/trace/trace_ring.hpp"

#include <algorithm>
#include <utility>

namespace troupe::broker {

void trace_ring::add(event_ptr event) {
  event_ptr oldest;  // let go of without the lock
  auto at = event->at_us;
  const std::lock_guard lock(mutex_);
  // Several run loops look at the clock before they come here; and it may jump.
  if (!events_.empty()) at = std::max(at, events_.back().at_us);
  if (events_.size() >= most_) {
    oldest = std::move(events_.front().what);
    events_.pop_front();
  }
  events_.push_back({next_++, at, std::move(event)});
}

std::vector<trace_ring::numbered> trace_ring::read(std::uint64_t after, std::size_t limit) const {
  std::vector<numbered> found;
  found.reserve(std::min<std::size_t>(limit, most_));
  const std::lock_guard lock(mutex_);
  if (events_.empty() || after >= next_ - 1) return found;
  const auto first = events_.front().number;
  for (std::size_t i = after < first ? 0 : after - first + 1;
       i < events_.size() && found.size() < limit; ++i)
    found.push_back(events_[i]);
  return found;
}

trace_ring::figures trace_ring::counted() const {
  const std::lock_guard lock(mutex_);
  return {next_ - 1, next_ - 1 - events_.size()};
}

}  // namespace troupe::broker
