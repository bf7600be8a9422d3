// The policy "drop the oldest" for a queue that stands in the store.

#include <algorithm>
#include <utility>

#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"

namespace troupe::broker {

namespace {

constexpr std::uint32_t trim_page = 256;
constexpr std::uint64_t trim_bytes = 1ULL << 20;

}  // namespace

void session::trim() {
  if (trimming_ || phase_ != phase::active) return;
  const bool wanted = limits_->full_queue == troupe::session::queue_policy::drop_oldest &&
                      !who_->has_room(0, limits_->max_queued_messages + 1, limits_->max_queued_bytes);
  if (!wanted) {
    if (rare_) rare_->trimmed_through = 0;
    return who_->trimmed();
  }
  trimming_ = true;
  ++commits_under_way_;  // no sleep meanwhile
  flush();
  context_.store.read_owed(
      who_->id(), rare().trimmed_through, trim_page, trim_bytes,
      [self = strong(*this), this](storage::owed_page page) {
        auto kept = std::make_shared<storage::owed_page>(std::move(page));
        tell(self, deferred{[this, kept] { trim_page_read(*kept); }});
      });
}

void session::trim_page_read(const storage::owed_page& page) {
  trimming_ = false;
  --commits_under_way_;
  const auto settled = std::exchange(rare().settled_meanwhile, {});
  if (phase_ != phase::active) return;
  for (const auto& m : page.messages) {
    if (who_->has_room(0, limits_->max_queued_messages + 1, limits_->max_queued_bytes)) break;
    rare().trimmed_through = m.place.order;
    if (std::find(settled.begin(), settled.end(), m.place.order) != settled.end()) continue;
    troupe::session::delivery d;
    d.body = m.body;
    d.stored = m.place;
    outbound_.drop_stored(d, *this);
  }
  if (page.failed || page.messages.empty()) {
    // All that is left is on its way to the client.
    rare().trimmed_through = 0;
    return who_->trimmed();
  }
  trim();
}

}  // namespace troupe::broker
