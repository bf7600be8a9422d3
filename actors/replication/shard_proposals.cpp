#include "actors/replication/shard_group.hpp"

#include <utility>

/// The part of shard_group that takes commits from the gate into the log.
namespace troupe::replication {

namespace raft = cluster::raft;

namespace {

/// What the group counts for an entry beside its bytes, and a little more.
constexpr std::uint64_t entry_overhead = 64;
constexpr std::string_view not_owner = "This node does not own the shard of the transaction.";

}  // namespace

void shard_group::commits_wait() {
  if (!group_) return refuse_waiting(not_owner);
  settle();
}

void shard_group::propose() {
  if (!owned_) return refuse_waiting(not_owner);
  context_->gate(shard_).take(taken_);
  for (auto& one : taken_) queue_.push_back(std::move(one));
  taken_.clear();
  if (queue_.empty() || transferring_) return;
  const auto most = context_->settings.group.in_flight_bytes;
  entry_writer writer;
  std::vector<answer> answers;
  const auto finish = [&] {
    if (!writer.empty()) propose_one(writer, std::exchange(answers, {}));
  };
  bool any = false;
  while (!queue_.empty()) {
    auto& one = queue_.front();
    const auto size = one.bytes.size();
    answer waiting{one.ticket, size, std::move(one.done)};
    if (one.epoch != 0 && one.epoch != epoch_) {
      refuse({std::move(waiting)}, not_owner, true);
      queue_.pop_front();
      continue;
    }
    if (size + 2 * entry_overhead > most) {
      refuse({std::move(waiting)}, "The transaction is larger than the log of a shard may have under way.",
             false);
      queue_.pop_front();
      continue;
    }
    if (!writer.open() || writer.size() + size > context_->settings.entry_bytes) finish();
    if (proposed_bytes_ + writer.size() + size + 2 * entry_overhead > most) {
      one.done = std::move(waiting.done);
      break;  // it waits until something is committed
    }
    writer.add(one.bytes, one.owed);
    answers.push_back(std::move(waiting));
    queue_.pop_front();
    any = true;
  }
  finish();
  if (any) group_->flush(static_cast<raft::time_ms>(host_.now()));
}

void shard_group::propose_one(entry_writer& from, std::vector<answer> answers) {
  const auto owed = from.owed();
  auto bytes = from.take(next_order_);
  proposal made;
  made.number = next_proposal_++;
  made.bytes = bytes.size() + entry_overhead;
  made.first_order = owed > 0 ? next_order_ : 0;
  made.answers = std::move(answers);
  next_order_ += owed;
  proposed_bytes_ += made.bytes;
  const auto number = made.number;
  proposals_.push_back(std::move(made));
  group_->propose(std::move(bytes), [this, number](raft::outcome how, raft::log_index index) {
    proposed(number, how, index);
  });
}

/// In the order of the proposals, but for refusals. The entry was handed to apply() just before.
void shard_group::proposed(std::uint64_t number, raft::outcome how, raft::log_index index) {
  for (auto at = proposals_.begin(); at != proposals_.end(); ++at) {
    if (at->number != number) continue;
    auto one = std::move(*at);
    proposals_.erase(at);
    proposed_bytes_ -= one.bytes;
    auto entry_of = entries_.rbegin();
    while (entry_of != entries_.rend() && entry_of->index > index) ++entry_of;
    if (how == raft::outcome::done && entry_of != entries_.rend() && entry_of->index == index) {
      entry_of->of = std::move(one);
    } else {
      refuse(one, how == raft::outcome::done ? raft::outcome::lost : how);
    }
    return;
  }
}

void shard_group::refuse(proposal& of, raft::outcome how) {
  refuse(of.answers, describe(how), how != raft::outcome::full && how != raft::outcome::invalid);
  of.answers.clear();
}

void shard_group::refuse(const std::vector<answer>& answers, std::string_view why, bool moved) {
  std::vector<std::uint64_t> tickets;
  for (const auto& one : answers) {
    if (one.done) one.done({false, std::string(why), 0, moved});
    context_->pending_bytes.fetch_sub(one.bytes, std::memory_order_relaxed);
    tickets.push_back(one.ticket);
  }
  context_->gate(shard_).answered(tickets.data(), tickets.size());
}

void shard_group::refuse_waiting(std::string_view why) {
  context_->gate(shard_).take(taken_);
  for (auto& one : taken_) queue_.push_back(std::move(one));
  taken_.clear();
  if (queue_.empty()) return;
  std::vector<answer> answers;
  for (auto& one : std::exchange(queue_, {}))
    answers.push_back({one.ticket, one.bytes.size(), std::move(one.done)});
  refuse(answers, why, true);
}

}  // namespace troupe::replication
