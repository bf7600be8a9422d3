#include "actors/observe/counters.hpp"

namespace troupe::observe {

counter_set::counter_set(std::size_t run_loops)
    : run_loops_(run_loops),
      blocks_(std::make_unique<counter_block[]>(run_loops + 1)),
      latencies_(std::make_unique<latency_block[]>(run_loops)) {}

std::uint64_t counter_set::sum(counter c) const noexcept {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= run_loops_; ++i) total += blocks_[i].get(c);
  return total;
}

counter_values counter_set::totals() const noexcept {
  counter_values result{};
  for (std::size_t i = 0; i < counter_count; ++i) result[i] = sum(static_cast<counter>(i));
  return result;
}

latency_table counter_set::latencies() const noexcept {
  latency_table result;
  for (std::size_t i = 0; i < run_loops_; ++i) latencies_[i].add_to(result);
  return result;
}

}  // namespace troupe::observe
