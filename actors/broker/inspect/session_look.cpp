// What a session tells administrators.

#include "actors/broker/session.hpp"
#include "actors/runtime/run_loop.hpp"

namespace troupe::broker {
namespace {

// Of a subscription beside its filter: node of the map, and its route.
constexpr std::uint64_t subscription_bytes = 160;
constexpr std::uint64_t control_block_bytes = 64;

std::string counted(std::size_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

}  // namespace

void session::describe(runtime::actor_description& to) const {
  to.serves = client_id();
  std::uint64_t bytes = sizeof(session) + control_block_bytes + client_id().capacity() +
                        username_.capacity() + outbound_.queued_bytes() +
                        outbound_.inflight() * sizeof(troupe::session::delivery);
  for (const auto& [filter, terms] : subscriptions_) bytes += subscription_bytes + filter.size();
  if (counts_) bytes += sizeof(client_counts);
  if (rare_) bytes += sizeof(rarely_used);
  to.memory = bytes;
  if (phase_ == phase::loading)
    to.waits_for = loading_ ? "the store, for its contents" : "a client";
  else if (phase_ == phase::resting)
    to.waits_for = "its shard, to sleep";
  else if (phase_ == phase::ending)
    to.waits_for = rare_ && rare_->handing_over != 0 ? "topic shards, which take over its shared messages"
                                      : "its shard, to end";
  else if (!changes_.empty())
    to.waits_for = "a subscription to be in force";
  else if (commits_under_way_ != 0)
    to.waits_for = counted(commits_under_way_, "commit");
  else if (inbound_.pending() != 0)
    to.waits_for = "topic shards, for the outcome of " + counted(inbound_.pending(), "publish");
  else if (device_ != nullptr && device_->look().blocked)
    to.waits_for = "room in the client's write buffer";
  else if (outbound_.inflight() != 0)
    to.waits_for = "the client's acknowledgement of " + counted(outbound_.inflight(), "message");
  else if (!outbound_.settled())
    to.waits_for = "a page of its queue";
  else if (!connected_)
    to.waits_for = "its client to come back";
}

client_view session::look() const {
  client_view v;
  v.client_id = client_id();
  v.username = username_;
  v.version = version_;
  if (device_ != nullptr) v.device = device_->look();
  v.connected = connected_;
  v.durable = durable();
  v.expiry = expiry_;
  v.connected_at = connected_at_;
  v.disconnected_at = disconnected_at_;
  v.subscriptions = subscriptions_.size();
  v.inflight = outbound_.inflight();
  v.queued = outbound_.queued();
  v.queued_bytes = outbound_.queued_bytes();
  if (durable()) {
    // The queue stands in the store; what is in flight is counted there, too.
    const auto all = owed();
    if (all.messages > v.inflight) v.queued = std::max(v.queued, all.messages - v.inflight);
    v.queued_bytes = std::max(v.queued_bytes, all.bytes);
  }
  v.unreleased = inbound_.unreleased();
  v.actor = id();
  return v;
}

client_view::details session::look_closer() const {
  client_view::details d;
  d.cached = outbound_.queued();
  d.cached_bytes = outbound_.queued_bytes();
  const auto all = durable() ? owed() : queue_elsewhere{};
  d.owed = all.messages;
  d.owed_bytes = all.bytes;
  d.reading_store = !outbound_.settled();
  d.pending = inbound_.pending();
  d.max_inflight = static_cast<std::uint16_t>(outbound_.window());
  d.receive_maximum = limits_->receive_maximum;
  if (counts_) d.counts = *counts_;
  if (last_) d.last = *last_;
  if (will_) d.will.emplace(will_->topic, will_->delay);
  runtime::actor_description said;
  describe(said);
  d.waits_for = std::move(said.waits_for);
  return d;
}

void session::each_subscription(std::string_view after, std::size_t limit,
                                const subscription_visit& visit) const {
  for (auto it = subscriptions_.upper_bound(after); it != subscriptions_.end() && limit > 0;
       ++it, --limit)
    visit({it->first, it->second.options, it->second.subscription_id});
}

}  // namespace troupe::broker
