#include "actors/replication/transfer/state_fetch.hpp"

#include <algorithm>
#include <utility>

namespace troupe::replication {
namespace {

/// A number that is used for no other transfer by this process and, most probably, by no
/// other life of the node.
std::uint64_t transfer_number(std::uint64_t seed, std::uint64_t count) {
  auto x = seed + 0x9E3779B97F4A7C15U * (count + 1);
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
  x = (x ^ x >> 27) * 0x94D049BB133111EBU;
  return (x ^ x >> 31) | 1;
}

}  // namespace

void state_fetch::want(std::int64_t now, std::uint64_t index, cluster::node_id from) {
  now_ = now;
  wanted_ = std::max(wanted_, index);
  if (active_ && from_ != cluster::no_node) return;
  active_ = true;
  if (from == cluster::no_node || from == context_->settings.self) return again(now);
  begin(now, from);
}

void state_fetch::cancel() {
  if (from_ != cluster::no_node) {
    transfer_frame out;
    out.what = transfer_frame::kind::give_up;
    out.shard = shard_;
    out.transfer = transfer_;
    (void)out.send(context_->net, from_);
  }
  active_ = begun_ = busy_ = false;
  from_ = cluster::no_node;
  transfer_ = 0;
  wanted_ = 0;
  early_.clear();
}

void state_fetch::begin(std::int64_t now, cluster::node_id from) {
  from_ = from;
  transfer_ = transfer_number(context_->settings.seed + number(context_->settings.self),
                              context_->transfers.fetch_add(1, std::memory_order_relaxed));
  next_ = 0;
  busy_ = last_ = false;
  early_.clear();
  heard_ = now;
  ask(now);
}

/// Somebody else, after a moment.
void state_fetch::again(std::int64_t now) {
  if (from_ != cluster::no_node) ++restarts_;
  from_ = cluster::no_node;
  transfer_ = 0;
  busy_ = false;
  early_.clear();
  retry_at_ = now + context_->settings.ask_again_ms / 2;
}

void state_fetch::ask(std::int64_t now) {
  asked_ = now;
  transfer_frame out;
  out.what = next_ == 0 ? transfer_frame::kind::ask : transfer_frame::kind::acknowledge;
  out.shard = shard_;
  out.transfer = transfer_;
  out.number = next_ == 0 ? wanted_ : next_;
  out.window = context_->settings.chunk_window;
  if (!out.send(context_->net, from_)) again(now);
}

void state_fetch::received(std::int64_t now, cluster::node_id from, const transfer_frame& frame) {
  now_ = now;
  if (!active_ || from != from_ || frame.transfer != transfer_) return;
  if (frame.what == transfer_frame::kind::refuse) return again(now);
  if (frame.what != transfer_frame::kind::chunk || frame.number < next_ + (busy_ ? 1 : 0) ||
      frame.number >= next_ + 2U * context_->settings.chunk_window) {
    return;
  }
  heard_ = now;
  early_.try_emplace(frame.number, chunk{frame.last, std::string(frame.bytes)});
  import_next(now);
}

void state_fetch::import_next(std::int64_t now) {
  if (busy_) return;
  const auto found = early_.find(next_);
  if (found == early_.end()) return;
  auto next = std::move(found->second);
  early_.erase(found);
  if (next_ == 0) {
    const auto marks = storage::exported_marks(next.bytes);
    if (!marks || marks->index < wanted_) return again(now);
    if (!begun_) told_.begins();
    begun_ = true;
  }
  busy_ = true;
  last_ = next.last;
  context_->shards_of_store.import_chunk(
      shard_, std::move(next.bytes),
      [this, transfer = transfer_, number = next_, inbox = inbox_,
       life = std::weak_ptr(life_)](const storage::commit_result& result) {
        inbox->run([this, transfer, number, result, life] {
          if (!life.expired()) imported(transfer, number, result);
        });
      });
}

void state_fetch::imported(std::uint64_t transfer, std::uint64_t which,
                           const storage::commit_result& result) {
  if (!active_ || transfer != transfer_ || which != next_ || !busy_) return;
  busy_ = false;
  if (!result.ok) {
    context_->report("The state of shard " + std::to_string(number(shard_)) +
                     " could not be taken over: " + result.error);
    return again(now_);
  }
  heard_ = now_;
  ++next_;
  ask(now_);
  if (!last_) return import_next(now_);
  const auto ended = told_.ended;
  active_ = begun_ = false;
  from_ = cluster::no_node;
  transfer_ = 0;
  wanted_ = 0;
  early_.clear();
  ended();
}

void state_fetch::peer_down(std::int64_t now, cluster::node_id peer) {
  now_ = now;
  if (active_ && from_ == peer) again(now);
}

void state_fetch::tick(std::int64_t now) {
  now_ = now;
  if (!active_) return;
  if (from_ == cluster::no_node) {
    if (now < retry_at_) return;
    std::vector<cluster::node_id> others;
    for (const auto node : sources_) {
      if (node != context_->settings.self) others.push_back(node);
    }
    if (others.empty()) return;
    return begin(now, others[turn_++ % others.size()]);
  }
  if (busy_) return;
  if (now - heard_ >= context_->settings.transfer_silence_ms) return again(now);
  if (now - asked_ >= context_->settings.ask_again_ms && now - heard_ >= context_->settings.ask_again_ms)
    ask(now);
}

}  // namespace troupe::replication
