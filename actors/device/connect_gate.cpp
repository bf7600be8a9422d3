#include "actors/device/connect_gate.hpp"

#include <algorithm>

namespace troupe::device {

namespace {

// Until a place is free, or a loop is less busy, it is asked again so often.
constexpr std::int64_t poll_ms = 10;
constexpr std::int64_t lag_poll_ms = 25;
// However busy the loops are, one gets in so often: an operator, for example.
constexpr std::int64_t trickle_ms = 100;
constexpr std::int64_t busy_ms = 2'000;
constexpr std::int64_t deferred_ms = 10'000;
constexpr std::int64_t one = 1'000;  // connection, in the bucket

}  // namespace

void connect_gate::set(const connect_limits& limits) {
  const std::lock_guard lock(mutex_);
  const bool other_rate = limits.rate != limits_.rate;
  limits_ = limits;
  if (other_rate) tokens_ = one * limits.rate;
}

connect_gate::answer connect_gate::ask(std::int64_t now_ms) {
  busy_until_ms_.store(now_ms + busy_ms, std::memory_order_relaxed);
  answer said;
  const std::lock_guard lock(mutex_);
  if (limits_.lag_ms != 0 && lag_ms(now_ms) > limits_.lag_ms &&
      now_ms - last_taken_ms_ < trickle_ms)
    said = {deferral::lag, lag_poll_ms};
  else if (limits_.in_progress != 0 &&
           in_progress_.load(std::memory_order_relaxed) >= limits_.in_progress)
    said = {deferral::in_progress, poll_ms};
  else if (!take_from_bucket(now_ms, said.wait_ms))
    said.why = deferral::rate;
  if (said.why != deferral::none)
    deferred_until_ms_.store(now_ms + deferred_ms, std::memory_order_relaxed);
  return said;
}

/// Only looks: enter() takes.
bool connect_gate::take_from_bucket(std::int64_t now_ms, std::int64_t& wait_ms) {
  if (limits_.rate == 0) return true;
  const auto passed = std::clamp<std::int64_t>(now_ms - filled_at_ms_, 0, 1'000);
  filled_at_ms_ = std::max(filled_at_ms_, now_ms);
  tokens_ = std::min(tokens_ + passed * limits_.rate, one * limits_.rate);
  if (tokens_ >= one) return true;
  wait_ms = std::max(poll_ms, (one - tokens_ + limits_.rate - 1) / limits_.rate);
  return false;
}

void connect_gate::enter(std::int64_t now_ms, std::int64_t waited_ms) {
  in_progress_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  last_taken_ms_ = now_ms;
  if (limits_.rate != 0) tokens_ -= one;
  const auto& bounds = observe::connect_figures::bounds;
  const auto seconds = static_cast<double>(waited_ms) / 1'000;
  const auto at = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
  ++delays_[static_cast<std::size_t>(at)];
  delay_sum_ms_ += static_cast<std::uint64_t>(waited_ms);
}

bool connect_gate::busy(std::int64_t now_ms) const noexcept {
  return now_ms < busy_until_ms_.load(std::memory_order_relaxed);
}

bool connect_gate::deferred_lately(std::int64_t now_ms) const noexcept {
  return now_ms < deferred_until_ms_.load(std::memory_order_relaxed);
}

void connect_gate::lag_begun(unsigned loop, std::int64_t now_ms) noexcept {
  lags_[loop].since.store(now_ms, std::memory_order_relaxed);
}

void connect_gate::lag_ended(unsigned loop, std::int64_t now_ms) noexcept {
  auto& lag = lags_[loop];
  const auto since = lag.since.exchange(-1, std::memory_order_relaxed);
  if (since >= 0) lag.measured.store(now_ms - since, std::memory_order_relaxed);
}

std::int64_t connect_gate::lag_ms(std::int64_t now_ms) const noexcept {
  std::int64_t most = 0;
  for (const auto& lag : lags_) {
    const auto since = lag.since.load(std::memory_order_relaxed);
    most = std::max(most, lag.measured.load(std::memory_order_relaxed));
    if (since >= 0) most = std::max(most, now_ms - since);
  }
  return most;
}

observe::connect_figures connect_gate::look(std::int64_t now_ms) const {
  observe::connect_figures to;
  const auto now = in_progress_.load(std::memory_order_relaxed);
  to.in_progress = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now));
  to.lag_seconds = static_cast<double>(lag_ms(now_ms)) / 1'000;
  const std::lock_guard lock(mutex_);
  to.in_progress_limit = limits_.in_progress;
  to.delays = delays_;
  to.delay_seconds = static_cast<double>(delay_sum_ms_) / 1'000;
  return to;
}

}  // namespace troupe::device
