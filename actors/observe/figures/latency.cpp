#include "actors/observe/figures/latency.hpp"

#include <algorithm>

namespace troupe::observe {

std::string_view to_string(latency_stage stage) noexcept {
  switch (stage) {
    case latency_stage::routed:
      return "routed";
    case latency_stage::committed:
      return "committed";
    case latency_stage::answered:
      return "answered";
    case latency_stage::sent:
      return "sent";
    case latency_stage::acknowledged:
      break;
  }
  return "acknowledged";
}

void latency_block::add(latency_stage stage, bool other, std::int64_t microseconds) noexcept {
  auto& to = cells_[other ? 1 : 0][static_cast<std::size_t>(stage)];
  const auto time = std::max<std::int64_t>(microseconds, 0);
  const auto at = std::ranges::lower_bound(latency_bounds, static_cast<double>(time) / 1e6) -
                  latency_bounds.begin();
  const auto more = [](std::atomic<std::uint64_t>& value, std::uint64_t n) {
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  };
  more(to.counts[static_cast<std::size_t>(at)], 1);
  more(to.microseconds, static_cast<std::uint64_t>(time));
}

void latency_block::add_to(latency_figures& to, const cells& from) noexcept {
  for (std::size_t i = 0; i < from.counts.size(); ++i)
    to.counts[i] += from.counts[i].load(std::memory_order_relaxed);
  to.seconds += static_cast<double>(from.microseconds.load(std::memory_order_relaxed)) / 1e6;
}

void latency_block::add_to(latency_table& to) const noexcept {
  for (std::size_t i = 0; i < latency_stages; ++i) {
    add_to(to.own[i], cells_[0][i]);
    add_to(to.others[i], cells_[1][i]);
  }
}

}  // namespace troupe::observe
