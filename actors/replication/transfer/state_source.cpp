#include "actors/replication/transfer/state_source.hpp"

#include <algorithm>

namespace troupe::replication {
namespace {

constexpr std::uint32_t most_window = 16;

}  // namespace

void state_source::received(std::int64_t now, cluster::node_id from, const transfer_frame& frame) {
  const key to{from, number(frame.shard)};
  if (frame.what == transfer_frame::kind::ask) return begin(now, to, frame);
  auto* at = find(to, frame.transfer);
  if (!at) {
    // Begun with another life of this node, or forgotten.
    if (frame.what == transfer_frame::kind::acknowledge)
      refuse(to, frame.transfer, "The transfer is not known here.");
    return;
  }
  if (frame.what == transfer_frame::kind::give_up) {
    transfers_.erase(to);
    return;
  }
  at->touched = now;
  auto& left = at->unacknowledged;
  const auto before = left.size();
  while (!left.empty() && left.front().number < frame.number) left.pop_front();
  // The same again: something was lost.
  if (left.size() == before) {
    for (const auto& chunk : left) send(to, *at, chunk);
  }
  if (at->ended && left.empty()) {
    ++given_;
    transfers_.erase(to);
    return;
  }
  read(to, *at);
}

void state_source::begin(std::int64_t now, key to, const transfer_frame& frame) {
  if (auto* at = find(to, frame.transfer)) {
    at->touched = now;
    for (const auto& chunk : at->unacknowledged) send(to, *at, chunk);
    return;
  }
  auto& at = transfers_[to] = {};
  at.id = frame.transfer;
  at.wanted = frame.number;
  at.window = std::clamp<std::uint32_t>(frame.window, 1, most_window);
  at.touched = now;
  context_->shards_of_store.export_shard(
      frame.shard, [this, to, id = at.id, inbox = inbox_, life = std::weak_ptr(life_)](
                       std::shared_ptr<storage::shard_export> from, std::string error) {
        inbox->run([this, to, id, life, from = std::move(from), error = std::move(error)] {
          if (!life.expired()) opened(to, id, from, error);
        });
      });
}

void state_source::opened(key to, std::uint64_t id, std::shared_ptr<storage::shard_export> from,
                          const std::string& error) {
  auto* at = find(to, id);
  if (!at) return;
  if (!from) return refuse(to, id, error);
  if (from->marks().index < at->wanted) return refuse(to, id, "The state here is too old.");
  at->from = std::move(from);
  read(to, *at);
}

void state_source::read(key to, transfer& at) {
  if (!at.from || at.reading || at.ended || at.unacknowledged.size() >= at.window) return;
  at.reading = true;
  at.from->next([this, to, id = at.id, inbox = inbox_,
                 life = std::weak_ptr(life_)](storage::shard_chunk chunk) {
    auto shared = std::make_shared<storage::shard_chunk>(std::move(chunk));
    inbox->run([this, to, id, life, shared] {
      if (!life.expired()) got(to, id, std::move(*shared));
    });
  });
}

void state_source::got(key to, std::uint64_t id, storage::shard_chunk chunk) {
  auto* at = find(to, id);
  if (!at) return;
  at->reading = false;
  if (!chunk.error.empty()) return refuse(to, id, chunk.error);
  at->ended = chunk.last;
  if (chunk.last) at->from.reset();
  at->unacknowledged.push_back({at->next++, chunk.last, std::move(chunk.bytes)});
  send(to, *at, at->unacknowledged.back());
  read(to, *at);
}

void state_source::send(key to, const transfer& at, const kept& chunk) {
  transfer_frame out;
  out.what = transfer_frame::kind::chunk;
  out.shard = static_cast<shard_id>(to.second);
  out.transfer = at.id;
  out.number = chunk.number;
  out.last = chunk.last;
  out.bytes = chunk.bytes;
  (void)out.send(context_->net, to.first);
}

void state_source::refuse(key to, std::uint64_t id, std::string_view why) {
  if (find(to, id)) transfers_.erase(to);
  transfer_frame out;
  out.what = transfer_frame::kind::refuse;
  out.shard = static_cast<shard_id>(to.second);
  out.transfer = id;
  out.bytes = why;
  (void)out.send(context_->net, to.first);
}

state_source::transfer* state_source::find(key to, std::uint64_t id) {
  const auto found = transfers_.find(to);
  return found != transfers_.end() && found->second.id == id ? &found->second : nullptr;
}

void state_source::peer_down(cluster::node_id peer) {
  std::erase_if(transfers_, [&](const auto& one) { return one.first.first == peer; });
}

void state_source::tick(std::int64_t now) {
  std::erase_if(transfers_, [&](const auto& one) {
    return now - one.second.touched > context_->settings.transfer_silence_ms;
  });
}

}  // namespace troupe::replication
