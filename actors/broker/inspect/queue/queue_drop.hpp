#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace troupe::broker {

/// An administrator's order to a session: drop what is queued and not on its way to the client.
/// Answers once; if it is let go of unanswered, that it was not done. A long queue takes several
/// orders: each has its time.
class queue_drop {
 public:
  /// How long one order may go on, so that whoever waits for the answer still does.
  static constexpr std::int64_t most_ms = 1'000;

  enum class ending : std::uint8_t { done, not_now, no_session };
  struct outcome {
    ending how = ending::not_now;
    std::uint64_t dropped = 0;
    bool more = false;  // not all that was queued
  };

  explicit queue_drop(std::function<void(outcome)> answer) : answer_(std::move(answer)) {}
  ~queue_drop() { end(ending::not_now); }
  queue_drop(const queue_drop&) = delete;
  queue_drop& operator=(const queue_drop&) = delete;

  void end(ending how, bool more = false) {
    if (auto answer = std::exchange(answer_, nullptr)) answer({how, dropped, more});
  }

  // For the session that does it:
  std::uint64_t dropped = 0;
  std::uint64_t through = 0;  // of its queue in the store
  std::int64_t until = 0;     // steady milliseconds

 private:
  std::function<void(outcome)> answer_;
};

using queue_drop_ptr = std::shared_ptr<queue_drop>;

}  // namespace troupe::broker
