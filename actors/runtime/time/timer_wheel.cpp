#include "actors/runtime/time/timer_wheel.hpp"

#include <bit>

namespace troupe::runtime {

static_assert(sizeof(timer_entry) <= 32);

namespace {

constexpr std::int64_t floor_tick(std::int64_t ms) {
  return ms < 0 ? 0 : ms / timer_wheel::resolution_ms;
}

constexpr std::int64_t ceil_tick(std::int64_t ms) {
  if (ms <= 0) return 0;
  return (ms - 1) / timer_wheel::resolution_ms + 1;
}

}  // namespace

std::int64_t timer_entry::due_ms() const noexcept {
  return tick_ * timer_wheel::resolution_ms;
}

timer_wheel::timer_wheel(std::int64_t now_ms) : now_tick_(floor_tick(now_ms)) {}

void timer_wheel::schedule(timer_entry& entry, std::int64_t at_ms) {
  entry.unlink();
  if (at_ms == never) return;
  entry.tick_ = ceil_tick(at_ms);
  if (entry.tick_ <= now_tick_) entry.tick_ = now_tick_ + 1;
  place(entry);
}

void timer_wheel::place(timer_entry& entry) noexcept {
  // The highest group of bits in which the due tick differs from now names
  // the level, so everything on a level lies in the rotation under way.
  const auto differ = static_cast<std::uint64_t>(entry.tick_ ^ now_tick_) | (slots - 1);
  const auto level = static_cast<std::size_t>(63 - std::countl_zero(differ)) / slot_bits;
  const auto slot = static_cast<std::size_t>(entry.tick_ >> (slot_bits * level)) & (slots - 1);
  wheel_[level][slot].push_back(entry);
  occupied_[level] |= std::uint64_t{1} << slot;
}

bool timer_wheel::find(position& where) noexcept {
  for (std::size_t level = 0; level < levels; ++level) {
    while (occupied_[level] != 0) {
      const auto slot = static_cast<std::size_t>(std::countr_zero(occupied_[level]));
      if (!wheel_[level][slot].linked()) {
        occupied_[level] &= occupied_[level] - 1;
        continue;
      }
      const unsigned shift = slot_bits * static_cast<unsigned>(level);
      const std::int64_t rotation = (now_tick_ >> shift) & ~static_cast<std::int64_t>(slots - 1);
      where = {level, slot, (rotation + static_cast<std::int64_t>(slot)) << shift};
      return true;
    }
  }
  return false;
}

std::int64_t timer_wheel::next() noexcept {
  if (due_.linked()) return now_tick_ * resolution_ms;
  position where{};
  if (!find(where)) return never;
  return where.tick * resolution_ms;
}

std::size_t timer_wheel::advance(std::int64_t now_ms, std::size_t limit) {
  const std::int64_t target = floor_tick(now_ms);
  std::size_t fired = 0;
  for (;;) {
    while (due_.linked()) {
      if (fired == limit) return fired;
      auto& entry = static_cast<timer_entry&>(*due_.next());
      entry.unlink();
      ++fired;
      entry.on_timer();
    }
    position where{};
    if (!find(where) || where.tick > target) break;
    now_tick_ = where.tick;
    occupied_[where.level] &= ~(std::uint64_t{1} << where.slot);
    if (where.level == 0) {
      due_.splice_back(wheel_[0][where.slot]);
      continue;
    }
    intrusive_link cascade;
    cascade.splice_back(wheel_[where.level][where.slot]);
    while (cascade.linked()) {
      auto& entry = static_cast<timer_entry&>(*cascade.next());
      entry.unlink();
      if (entry.tick_ <= now_tick_)
        due_.push_back(entry);
      else
        place(entry);
    }
  }
  if (target > now_tick_) now_tick_ = target;
  return fired;
}

}  // namespace troupe::runtime
