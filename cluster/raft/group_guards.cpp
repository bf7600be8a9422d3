#include "cluster/raft/group_core.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

/// What libraft 0.15 gets wrong or leaves open, see README.md.
namespace troupe::cluster::raft {
namespace {

constexpr std::size_t most_held = 256;

}  // namespace

bool group::core::admit(wire::incoming& message) {
  const auto leads_in_term = raft_.state == RAFT_LEADER && message.term() == raft_.current_term;
  switch (message.message.type) {
    case RAFT_IO_APPEND_ENTRIES:
      // Two leaders in a term cannot be: libraft would not survive it.
      return !leads_in_term && admit_entries(message);
    case RAFT_IO_APPEND_ENTRIES_RESULT:
      return admit_result(message);
    case RAFT_IO_REQUEST_VOTE:
      // What this node has promised to a leader before it was started is not known.
      return message.message.request_vote.disrupt_leader ||
             now_ - started_ >= settings_.election_timeout_ms;
    case RAFT_IO_REQUEST_VOTE_RESULT:
      // Nobody grants a vote that was not asked for.
      return !message.message.request_vote_result.vote_granted ||
             message.term() <= raft_.current_term + 1;
    case RAFT_IO_INSTALL_SNAPSHOT:
      return !leads_in_term && admit_offer(message);
    default:
      return true;
  }
}

bool group::core::admit_entries(wire::incoming& message) {
  auto& args = message.message.append_entries;
  if (args.term > raft_.current_term) complete_appends(true);
  // While entries of an earlier leader are on their way to the disk those of a new one
  // wait: libraft counts what is written without looking which it was.
  const bool mixed = !appends_.empty() && appends_.back().term != args.term;
  if (args.n_entries > 0 &&
      (mixed || append_bytes_ > settings_.in_flight_bytes || snapshot_late())) {
    message.drop_entries();
  }
  if (args.term >= raft_.current_term) skip_known(message);
  args.leader_commit = std::min(args.leader_commit, args.prev_log_index + args.n_entries);
  if (args.n_entries > 0 && args.term >= raft_.current_term) roll_back_configuration(args);
  return true;
}

/// What begins before this log's first entry is committed and known here: libraft would refuse it
/// step by step, or put entry 1 at the log's end.
void group::core::skip_known(wire::incoming& message) {
  auto& args = message.message.append_entries;
  const auto& known = raft_.log.snapshot;
  if (args.prev_log_index >= known.last_index || term_of(raft_.log, args.prev_log_index) != 0) {
    return;
  }
  const auto skipped = known.last_index - args.prev_log_index;
  if (skipped >= args.n_entries) {
    message.drop_entries();
  } else {
    args.n_entries -= static_cast<unsigned>(skipped);
    std::copy_n(args.entries + skipped, args.n_entries, args.entries);
  }
  args.prev_log_index = known.last_index;
  args.prev_log_term = known.last_term;
}

/// Where the leader shall look next, after it was refused at `index`. libraft goes back by one
/// entry each heartbeat; this goes back by a term.
log_index group::core::hint(log_index index) const {
  const auto term = term_of(raft_.log, index);
  if (term == 0) return last_index(raft_.log);
  while (index > raft_.commit_index && term_of(raft_.log, index) == term) --index;
  return index;
}

bool group::core::admit_result(const wire::incoming& message) {
  if (leading_ == 0 || message.term() != leading_) return true;
  auto& stamp = stamps_[message.from()];
  stamp = std::max(stamp, message.stamp);
  if (message.message.append_entries_result.rejected > 0 &&
      !believe_refusal(message.from(), message.message.append_entries_result.rejected)) {
    return false;
  }
  // Entries of earlier terms must not be committed by counting (5.4.2 of the paper), as
  // libraft would: until the first entry of this term is written, results wait.
  if (raft_.last_stored >= barrier_) return true;
  if (held_.size() < most_held) {
    wire::incoming copy;
    copy.message = message.message;
    copy.stamp = message.stamp;
    held_.push_back(std::move(copy));
  }
  return false;
}

/// A refusal of what the follower has confirmed meanwhile is an old one, after which libraft
/// would look for a place that its own log no longer has. One that is new is answered at once:
/// libraft would wait for the next heartbeat.
bool group::core::believe_refusal(node_id follower, log_index refused) {
  for (unsigned i = 0; i < raft_.configuration.n; ++i) {
    if (raft_.configuration.servers[i].id != number(follower)) continue;
    auto& progress = raft_.leader_state.progress[i];
    if (refused <= progress.match_index) return false;
    progress.last_send = 0;
  }
  return true;
}

bool group::core::replay_results() {
  if (held_.empty() || (leading_ != 0 && raft_.last_stored < barrier_)) return false;
  for (auto& message : std::exchange(held_, {})) {
    if (leading_ != 0 && raft_.state == RAFT_LEADER) hand(message);
  }
  return true;
}

/// libraft goes back to an earlier configuration only if its entry is still in memory, and
/// not at all after a restart. It is done before libraft finds the conflict.
void group::core::roll_back_configuration(const raft_append_entries& from) {
  const auto* newest = configurations_.newest();
  if (!newest || newest->index <= raft_.commit_index) return;
  // Not before the entries are known to fit at their beginning.
  if (from.prev_log_index != 0 && term_of(raft_.log, from.prev_log_index) != from.prev_log_term) {
    return;
  }
  for (unsigned i = 0; i < from.n_entries; ++i) {
    const auto index = from.prev_log_index + 1 + i;
    const auto term = term_of(raft_.log, index);
    if (term == 0) return;
    if (term == from.entries[i].term) continue;
    if (index <= raft_.commit_index || newest->index < index) return;
    configurations_.truncate(index);
    return sync_configuration();
  }
}

void group::core::sync_configuration() {
  const auto* newest = configurations_.newest();
  if (!newest) return;
  if (membership_of(raft_.configuration) != newest->members) {
    raft_configuration_close(&raft_.configuration);
    make_configuration(newest->members, raft_.configuration);
  }
  const auto* committed = configurations_.at(raft_.commit_index);
  raft_.configuration_index = committed ? committed->index : 0;
  raft_.configuration_uncommitted_index = newest->index > raft_.commit_index ? newest->index : 0;
}

/// Reports entries to libraft as written. Those of the leader itself only when enough others
/// have them too: libraft commits nothing but all that the leader has written, and under load
/// the others never get there. `all`: those that are written, whatever the others have.
bool group::core::complete_appends(bool all) {
  bool any = false;
  while (!appends_.empty() && appends_.front().batch <= written_) {
    const auto front = appends_.front();
    const bool leads = leading_ != 0 && raft_.state == RAFT_LEADER && front.own &&
                       front.term == raft_.current_term;
    if (!all && leads && front.first > barrier_ && front.last > acknowledged_by_majority()) break;
    appends_.pop_front();
    append_bytes_ -= front.bytes;
    answer_limit_ = front.last;
    // The leader that sent them is asked no more: the present one never had them.
    mute_result_ = front.term != raft_.current_term;
    front.done(front.request, 0);
    answer_limit_.reset();
    mute_result_ = false;
    any = true;
  }
  return any;
}

std::size_t group::core::others_needed() const {
  std::size_t voters = 0;
  for (unsigned i = 0; i < raft_.configuration.n; ++i) {
    if (raft_.configuration.servers[i].role == RAFT_VOTER) ++voters;
  }
  return voters / 2 + 1 - (is_voter(settings_.self) ? 1 : 0);
}

bool group::core::is_voter(node_id node) const {
  for (unsigned i = 0; i < raft_.configuration.n; ++i) {
    const auto& server = raft_.configuration.servers[i];
    if (server.id == number(node)) return server.role == RAFT_VOTER;
  }
  return false;
}

log_index group::core::acknowledged_by_majority() const {
  const auto needed = others_needed();
  if (needed == 0) return std::numeric_limits<log_index>::max();
  std::vector<log_index> matches;
  for (unsigned i = 0; i < raft_.configuration.n; ++i) {
    const auto& server = raft_.configuration.servers[i];
    if (server.role != RAFT_VOTER || server.id == raft_.id) continue;
    matches.push_back(raft_.leader_state.progress[i].match_index);
  }
  if (matches.size() < needed) return 0;
  std::sort(matches.begin(), matches.end(), std::greater<>());
  return matches[needed - 1];
}

/// A candidate that has lost asks again whether it could win before it takes another term,
/// and has the old leader's permission to disturb only once. libraft does neither.
void group::core::guard_candidate() {
  if (raft_.state == RAFT_FOLLOWER && !is_voter(settings_.self) &&
      now_ - raft_.election_timer_start >= raft_.follower_state.randomized_election_timeout) {
    // It does not stand for election, but may be asked for its vote: a leader that is gone
    // is none.
    raft_.follower_state.current_leader.id = 0;
  }
  if (raft_.state != RAFT_CANDIDATE) return;
  auto& candidate = raft_.candidate_state;
  if (now_ - raft_.election_timer_start < candidate.randomized_election_timeout) return;
  candidate.disrupt_leader = false;
  candidate.in_pre_vote = true;
}

/// libraft looks once per election timeout whether anyone was heard since the last look. Here a
/// leader steps down an election timeout after the last moment at which it sent what
/// a majority has answered.
void group::core::guard_leader() {
  if (raft_.state != RAFT_LEADER || leading_ == 0 || others_needed() == 0) return;
  const auto heard = std::max(majority_stamp(), leading_since_);
  if (now_ - heard < settings_.election_timeout_ms) return;
  for (unsigned i = 0; i < raft_.configuration.n; ++i) {
    raft_.leader_state.progress[i].recent_recv = false;
  }
  raft_.election_timer_start = now_ - settings_.election_timeout_ms;
}

/// libraft believes that it has sent all entries that it has; a message holds only so many.
void group::core::apply_resends() {
  for (const auto& one : std::exchange(resends_, {})) {
    if (raft_.state != RAFT_LEADER) continue;
    for (unsigned i = 0; i < raft_.configuration.n; ++i) {
      auto& progress = raft_.leader_state.progress[i];
      if (raft_.configuration.servers[i].id == number(one.to) &&
          progress.state == static_cast<unsigned short>(progress_state::pipeline)) {
        progress.next_index = std::min<raft_index>(progress.next_index, one.next);
      }
    }
  }
}

}  // namespace troupe::cluster::raft
