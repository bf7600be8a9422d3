#include "tools/troupe-bench/scenario/publishing.hpp"

#include "tools/troupe-bench/engine/clock.hpp"

#include <bit>

namespace troupe::bench {

std::uint64_t share_of(std::uint64_t messages, std::uint32_t publishers, std::uint32_t number) {
  if (messages == 0) return UINT64_MAX;
  return messages / publishers + (number < messages % publishers ? 1 : 0);
}

publishing::publishing(crew& threads, const options& given, run_plan& plan)
    : crew_(threads), given_(given), plan_(plan), flows_(given.publishers) {}

void publishing::expect(std::uint32_t receivers) {
  for (auto& flow : flows_) {
    flow.receivers = receivers;
    if (receivers == 1) continue;
    const auto size = std::bit_ceil(plan_.window * 2U);
    flow.arrived_mask = size - 1;
    flow.arrived = std::make_unique<std::atomic<std::uint32_t>[]>(size);
  }
}

void publishing::make(const std::vector<client_terms>& terms, const publication& what) {
  std::vector<std::vector<std::uint32_t>> mine(crew_.workers().size());
  std::vector<paced*> all;
  for (std::uint32_t i = 0; i < terms.size(); ++i) {
    publish_template with(what.topic(i), what.numbered, plan_.level, what.retain, what.payload,
                          crew_.how().version);
    publishers_.push_back(std::make_unique<publisher>(crew_.of(i), crew_.how(), terms[i], plan_,
                                                      flows_[i], i, std::move(with)));
    mine[crew_.of(i).index()].push_back(i);
    all.push_back(publishers_.back().get());
  }
  crew_.everywhere([&](worker& w) {
    for (const auto i : mine[w.index()]) w.own(flows_[i]);
    if (!plan_.open_loop) return;
    w.pace_these(all);
    w.pace(pacer(given_.rate, given_.publishers, mine[w.index()]));
  });
}

void publishing::start() {
  plan_.publishing.store(true);
  // A moment ahead, so that all workers begin together.
  const auto at = now_ns() + 1'000'000;
  crew_.everywhere([&](worker& w) { w.begin(at); });
}

}  // namespace troupe::bench
