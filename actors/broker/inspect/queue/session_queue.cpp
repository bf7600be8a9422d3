// What administrators see of a session's queue, and drop of it.

#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"
#include "actors/runtime/run_loop.hpp"

#include <algorithm>
#include <utility>

namespace troupe::broker {
namespace {

constexpr std::uint32_t drop_page = 256;
constexpr std::uint64_t drop_bytes = 1ULL << 20;

using ending = queue_drop::ending;
constexpr auto by_order = troupe::session::drop_reason::administrator;

}  // namespace

std::vector<troupe::session::delivery> session::queued(std::size_t skip, std::size_t limit) const {
  const auto& all = outbound_.queue();
  skip = std::min(skip, all.size());
  const auto from = all.begin() + static_cast<std::ptrdiff_t>(skip);
  const auto count = std::min(limit, all.size() - skip);
  return {from, from + static_cast<std::ptrdiff_t>(count)};
}

void session::drop_queue(const queue_drop_ptr& order) {
  if (phase_ == phase::loading) {
    // What is under way to its client must be known before.
    rare().drops.push_back(order);
    return load();
  }
  // Of two who read the queue each would settle what the other has settled.
  if (phase_ != phase::active || trimming_) return order->end(ending::not_now);
  if (!durable()) {
    order->dropped = outbound_.drop_queued(*this, by_order);
    return order->end(ending::done);
  }
  order->until = home()->now() + queue_drop::most_ms;
  drop_next_page(order);
}

void session::drop_next_page(const queue_drop_ptr& order) {
  trimming_ = true;
  ++commits_under_way_;  // no sleep meanwhile
  flush();
  context_.store.read_owed(
      who_->id(), order->through, drop_page, drop_bytes,
      [self = strong(*this), this, order](storage::owed_page page) {
        auto kept = std::make_shared<storage::owed_page>(std::move(page));
        tell(self, deferred{[this, order, kept] { drop_page_read(order, *kept); }});
      });
}

void session::drop_page_read(const queue_drop_ptr& order, const storage::owed_page& page) {
  trimming_ = false;
  --commits_under_way_;
  const auto settled = std::exchange(rare().settled_meanwhile, {});
  if (phase_ != phase::active) return order->end(ending::done);
  for (const auto& m : page.messages) {
    order->through = m.place.order;
    if (std::find(settled.begin(), settled.end(), m.place.order) != settled.end()) continue;
    troupe::session::delivery d;
    d.body = m.body;
    d.stored = m.place;
    if (outbound_.drop_stored(d, *this, by_order)) ++order->dropped;
  }
  const bool more = !page.failed && !page.end && !page.messages.empty();
  if (more && home()->now() < order->until) return drop_next_page(order);
  trim();  // was perhaps asked for meanwhile
  const bool good = !page.failed || order->dropped != 0;
  order->end(good ? ending::done : ending::not_now, more || page.failed);
}

}  // namespace troupe::broker
