#include "actors/replication/shard_group.hpp"

#include <algorithm>
#include <utility>

/// The part of shard_group that gives committed entries to the store, and takes states over.
namespace troupe::replication {

namespace raft = cluster::raft;

/// An entry that the store has, with those who wait for it.
struct shard_group::given {
  std::shared_ptr<replication_context> context;
  std::shared_ptr<loop_inbox> inbox;
  std::shared_ptr<applying> of;
  shard_id shard;
  raft::log_index index;
  std::uint64_t bytes;
  proposal proposed;
};

void shard_group::apply(raft::log_index index, raft::term_no term, std::string_view bytes) {
  if (!failure_.empty()) return;
  auto read = read_entry(bytes);
  if (!read.error.empty()) {
    failure_ = read.error;
    return;
  }
  last_entry_ = index;
  entries_.push_back({index, term, std::move(read.value), bytes.size(), std::nullopt});
}

void shard_group::give_entries() {
  if (!state_whole_) return;
  while (!entries_.empty()) {
    auto& next = entries_.front();
    const auto under_way = applying_->bytes.load(std::memory_order_relaxed);
    if (under_way > 0 && under_way + next.bytes > context_->settings.store_window) return;
    applying_->bytes.fetch_add(next.bytes, std::memory_order_relaxed);
    given_ = next.index;
    auto about = std::make_shared<given>(given{context_, inbox_, applying_, shard_, next.index,
                                               next.bytes, {}});
    if (next.of) about->proposed = std::move(*next.of);
    auto writes = std::move(next.writes);
    writes.applied(shard_, next.index, next.term);
    entries_.pop_front();
    context_->store.commit(std::move(writes), [about](const storage::commit_result& result) {
      answered(*about, result);
    });
  }
}

/// On the store's thread, in the order given.
void shard_group::answered(given& about, const storage::commit_result& result) {
  auto& of = *about.of;
  // What contradicts the state is applied all the same, on every replica.
  const bool applied = result.ok || about.context->shards_of_store.marks(about.shard).index >=
                                        about.index;
  of.bytes.fetch_sub(about.bytes, std::memory_order_relaxed);
  if (applied && !of.failed) {
    of.index = about.index;
  } else {
    of.failed = true;
  }
  if (of.call || of.failed) about.inbox->applied(number(about.shard));
  std::vector<std::uint64_t> tickets;
  for (auto& one : about.proposed.answers) {
    if (one.done) {
      storage::commit_result answer;
      answer.ok = result.ok;
      answer.error = result.error;
      if (result.ok) answer.first_order = about.proposed.first_order;
      one.done(answer);
    }
    about.context->pending_bytes.fetch_sub(one.bytes, std::memory_order_relaxed);
    tickets.push_back(one.ticket);
  }
  if (!tickets.empty()) about.context->gate(about.shard).answered(tickets.data(), tickets.size());
  about.proposed.answers.clear();
}

void shard_group::note_applied() {
  const auto index = applying_->index.load();
  if (!state_whole_ || index <= told_applied_) return;
  told_applied_ = index;
  // The store writes as durably as the log does.
  group_->applied(static_cast<raft::time_ms>(host_.now()), index, index);
  if (fetch_.active() && !fetch_.importing() && index >= fetch_.wanted()) {
    // The log had it after all.
    fetch_.cancel();
    group_->installed(static_cast<raft::time_ms>(host_.now()), index);
  }
}

/// What the store answers from now on tells of another state.
void shard_group::new_applying(std::uint64_t index) {
  applying_ = std::make_shared<applying>();
  applying_->index = index;
  given_ = told_applied_ = index;
}

void shard_group::state_begins() {
  const auto index = given_;
  state_whole_ = false;
  new_applying(index);
}

void shard_group::state_ended() {
  const auto marks = context_->shards_of_store.marks(shard_);
  ++taken_over_;
  if (!group_) return;  // begin() looks at the marks
  while (!entries_.empty() && entries_.front().index <= marks.index) {
    if (auto& of = entries_.front().of) {
      // It is in the state that came.
      std::vector<std::uint64_t> tickets;
      for (auto& one : of->answers) {
        if (one.done) one.done({true, {}, of->first_order});
        context_->pending_bytes.fetch_sub(one.bytes, std::memory_order_relaxed);
        tickets.push_back(one.ticket);
      }
      context_->gate(shard_).answered(tickets.data(), tickets.size());
    }
    entries_.pop_front();
  }
  state_whole_ = true;
  last_entry_ = std::max(last_entry_, marks.index);
  new_applying(marks.index);
  group_->installed(static_cast<raft::time_ms>(host_.now()), marks.index);
  settle();
}

}  // namespace troupe::replication
