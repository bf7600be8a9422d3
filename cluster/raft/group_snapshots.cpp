#include "cluster/raft/group_core.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace troupe::cluster::raft {

/// libraft wants a snapshot of what it has applied, which is what was handed to
/// the host. The record is written when the host has it on disk.
int group::core::begin_snapshot(raft_buffer** buffers, unsigned* count) {
  if (!running_) return RAFT_BUSY;
  const auto reference =
      host_.snapshot_reference(raft_.last_applied, term_of(raft_.log, raft_.last_applied));
  auto* made = static_cast<raft_buffer*>(raft_malloc(sizeof(raft_buffer)));
  made->len = reference.size();
  made->base = raft_malloc(reference.size() + 1);
  std::memcpy(made->base, reference.data(), reference.size());
  *buffers = made;
  *count = 1;
  applied_bytes_ = 0;
  raft_set_snapshot_threshold(&raft_, settings_.snapshot_entries);
  raft_set_snapshot_trailing(&raft_, choose_trailing(raft_.last_applied));
  return 0;
}

/// So many entries before `at` stay in the log: the newest, and what a follower that is
/// catching up will need, within limits.
std::uint32_t group::core::choose_trailing(log_index at) const {
  auto wanted = at > settings_.trailing_entries ? at - settings_.trailing_entries : 0;
  auto most_entries = settings_.trailing_entries;
  auto most_bytes = settings_.trailing_bytes;
  if (raft_.state == RAFT_LEADER) {
    for (unsigned i = 0; i < raft_.configuration.n; ++i) {
      const auto& server = raft_.configuration.servers[i];
      const auto& progress = raft_.leader_state.progress[i];
      const auto stamp = stamps_.find(node_id{server.id});
      if (server.role == RAFT_SPARE || server.id == raft_.id || stamp == stamps_.end() ||
          now_ - stamp->second > 2U * settings_.election_timeout_ms) {
        continue;
      }
      const auto has = std::max(progress.match_index, progress.snapshot_index);
      if (has <= wanted && has > 0) {
        wanted = has - 1;  // its term is asked for
        most_entries = settings_.retained_entries;
        most_bytes = settings_.retained_bytes;
      }
    }
  }
  std::uint32_t entries = 0;
  std::uint64_t bytes = 0;
  for (auto index = at; index > wanted && entries < most_entries; --index, ++entries) {
    const auto* entry = entry_at(raft_.log, index);
    if (!entry) break;
    bytes += entry->buf.len + sizeof(raft_entry);
    if (bytes > most_bytes) break;
  }
  return entries;
}

bool group::core::write_snapshot() {
  if (!put_ || put_->batch != 0) return false;
  if (!put_->installing && durable_ < put_->record.index) return false;
  batch_.snapshot(put_->record, put_->discard);
  if (put_->installing) {
    next_on_disk_ = put_->record.index + 1;
    configurations_.clear();
    if (auto members = decode_configuration(put_->record.configuration)) {
      configurations_.note(put_->record.configuration_index, std::move(*members));
    }
  }
  put_->batch = batch_no_;
  return true;
}

bool group::core::finish_snapshot() {
  if (!put_ || put_->batch == 0 || put_->batch > written_) return false;
  auto ended = std::move(*std::exchange(put_, std::nullopt));
  snapshot_ = std::move(ended.record);
  answer_limit_ = snapshot_->index;
  ended.done(ended.request, 0);
  answer_limit_.reset();
  if (ended.installing) {
    applied_bytes_ = 0;
    sync_configuration();
  } else {
    configurations_.trim(std::min<log_index>(raft_.commit_index, snapshot_->index));
  }
  count_log();
  return true;
}

/// True: libraft may have it now. Otherwise it waits for the host to get the state.
bool group::core::admit_offer(wire::incoming& message) {
  const auto& args = message.message.install_snapshot;
  if (args.term < raft_.current_term) return true;
  const auto ours = term_of(raft_.log, args.last_index);
  const bool has =
      raft_.log.snapshot.last_index >= args.last_index || (ours != 0 && ours >= args.last_term);
  if (has) return true;
  const auto from = message.from();
  const auto index = args.last_index;
  const auto term = args.last_term;
  const std::string reference(static_cast<const char*>(args.data.base), args.data.len);
  offer_ = std::move(message);
  if (durable_ < index) host_.snapshot_offered(from, index, term, reference);
  return false;
}

bool group::core::take_offer() {
  if (!offer_ || put_ || !appends_.empty() ||
      durable_ < offer_->message.install_snapshot.last_index) {
    return false;
  }
  auto message = std::move(*std::exchange(offer_, std::nullopt));
  const bool leads = raft_.state == RAFT_LEADER && message.term() == raft_.current_term;
  if (!leads) hand(message);
  return true;
}

/// libraft sends a snapshot once and then waits for a long time.
void group::core::resend_offers() {
  if (leading_ == 0 || offers_sent_.empty()) return;
  for (auto at = offers_sent_.begin(); at != offers_sent_.end();) {
    bool wants = false;
    for (unsigned i = 0; i < raft_.configuration.n; ++i) {
      wants = wants || (raft_.configuration.servers[i].id == number(at->first) &&
                        raft_.leader_state.progress[i].state ==
                            static_cast<unsigned short>(progress_state::snapshot));
    }
    if (!wants) {
      at = offers_sent_.erase(at);
      continue;
    }
    if (now_ - at->second.at >= settings_.election_timeout_ms) {
      at->second.at = now_;
      outbox_.push_back({at->first, at->second.bytes, vote_batch_});
    }
    ++at;
  }
}

}  // namespace troupe::cluster::raft
