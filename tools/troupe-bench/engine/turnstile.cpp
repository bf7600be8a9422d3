#include "tools/troupe-bench/engine/turnstile.hpp"

namespace troupe::bench {
namespace {

// Behind so much the rate is beyond the broker, and nothing is learnt from more.
constexpr std::size_t most_owed = 100'000;

}  // namespace

std::optional<std::uint64_t> visit_plan::take() noexcept {
  if (!going.load(std::memory_order_relaxed)) return std::nullopt;
  const auto number = next.fetch_add(1, std::memory_order_relaxed);
  if (number >= limit) return std::nullopt;
  return number;
}

turnstile::turnstile(worker& home, const connect_settings& how, const run_plan& run,
                     visit_plan& visits)
    : home_(home), how_(how), run_(run), visits_(visits) {}

void turnstile::begin() {
  while (under_way_ < visits_.at_a_time && let_in(0)) {
  }
}

void turnstile::owe(std::int64_t intended) {
  if (under_way_ < visits_.at_a_time) {
    let_in(intended);
  } else if (owed_.size() < most_owed) {
    owed_.push_back(intended);
  } else {
    visits_.going.store(false);
    owed_.clear();
    home_.faults().add("100,000 connections are overdue: the rate is more than the broker takes.");
  }
}

void turnstile::arrived(guest& who) {
  --under_way_;
  if (!visits_.hold) {
    who.leave();
    free_.push_back(&who);
  }
  if (!run_.open_loop) {
    let_in(0);
  } else if (!owed_.empty()) {
    const auto due = owed_.front();
    owed_.pop_front();
    let_in(due);
  }
}

bool turnstile::let_in(std::int64_t due) {
  const auto number = visits_.take();
  if (!number) return false;
  auto& next = somebody();
  next.become(visits_.terms(*number), due);
  ++under_way_;
  // Not at once: this may be within a read of the same guest's last connection.
  home_.queue_open(next);
  return true;
}

guest& turnstile::somebody() {
  if (free_.empty()) {
    guests_.push_back(std::make_unique<guest>(home_, how_, client_terms{}, run_, "", this));
    return *guests_.back();
  }
  auto& who = *free_.back();
  free_.pop_back();
  return who;
}

void turnstile::empty() {
  for (auto& each : guests_) each->leave();
}

}  // namespace troupe::bench
