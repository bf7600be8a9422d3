#include "cluster/raft/group_core.hpp"

#include "cluster/raft/group_io.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace troupe::cluster::raft {
namespace {

constexpr unsigned most_catch_up_ms = 60'000;

}  // namespace

group::core::core(const group_settings& settings, group_host& host)
    : settings_(settings), host_(host), random_(settings.seed * 0x2545F4914F6CDD1DU + 1) {
  io::install(*this);
  const auto address = address_of(settings_.self);
  (void)raft_init(&raft_, &io_, &fsm_, number(settings_.self), address.c_str());
  raft_set_election_timeout(&raft_, settings_.election_timeout_ms);
  raft_set_heartbeat_timeout(&raft_, settings_.heartbeat_ms);
  raft_set_install_snapshot_timeout(&raft_, settings_.snapshot_timeout_ms);
  raft_set_snapshot_threshold(&raft_, settings_.snapshot_entries);
  raft_set_snapshot_trailing(&raft_, settings_.trailing_entries);
  raft_set_max_catch_up_round_duration(&raft_, most_catch_up_ms);
  raft_set_pre_vote(&raft_, true);
  make_configuration({{settings_.self, member_role::voter}}, alone_);
}

group::core::~core() {
  stop();
  raft_close(&raft_, nullptr);
  raft_configuration_close(&alone_);
}

std::string group::core::start(time_ms now, storage::raft_log_content content, log_index applied) {
  const auto last = content.first + content.entries.size() - 1;
  const auto kept = content.snapshot ? content.snapshot->index : 0;
  const auto of_group = " of Raft group " + std::to_string(settings_.number);
  if (kept > applied) {
    return "The state" + of_group + " ends at " + std::to_string(applied) +
           ", but its log begins only after " + std::to_string(kept) +
           ": this node has lost data. Let it join again as a new node.";
  }
  configurations_.clear();
  if (content.snapshot) {
    auto members = decode_configuration(content.snapshot->configuration);
    if (!members) return "The snapshot record" + of_group + " is damaged.";
    configurations_.note(content.snapshot->configuration_index, std::move(*members));
  }
  for (std::size_t i = 0; i < content.entries.size(); ++i) {
    const auto& entry = content.entries[i];
    if (entry.kind != storage::raft_entry_kind::configuration) continue;
    auto members = decode_configuration(entry.bytes);
    if (!members) return "A configuration in the log" + of_group + " is damaged.";
    const auto index = content.first + i;
    // The record of the snapshot and an entry that trails it may be the same one.
    if (const auto* newest = configurations_.newest(); newest && newest->index >= index) continue;
    configurations_.note(index, std::move(*members));
  }
  if (!content.snapshot && !content.entries.empty() &&
      (content.first != 1 || content.entries[0].kind != storage::raft_entry_kind::configuration)) {
    return "The log" + of_group + " does not begin with its members.";
  }
  now_ = started_ = now;
  vote_term_ = content.term;
  snapshot_ = content.snapshot;
  next_on_disk_ = last + 1;
  skip_ = host_applied_ = durable_ = applied;
  content_ = std::move(content);
  running_ = true;
  if (const auto error = raft_start(&raft_); error != 0) {
    running_ = false;
    return "Raft group " + std::to_string(settings_.number) +
           " cannot start: " + raft_strerror(error) + ".";
  }
  sync_configuration();
  count_log();
  settle();
  return {};
}

void group::core::stop() {
  if (!running_) return;
  end_leadership();
  running_ = false;
  outbox_.clear();
  offer_.reset();
  if (auto ended = std::exchange(transfer_, nullptr); ended && ended->done) {
    ended->done(outcome::stopped);
  }
  for (auto& one : std::exchange(queue_, {})) {
    if (one.done) one.done(outcome::stopped, 0);
  }
}

void group::core::tick(time_ms now) {
  now_ = std::max(now_, now);
  // While a snapshot is written libraft is between two logs: it must not stand for election.
  if (!running_ || (put_ && put_->installing)) return;
  guard_candidate();
  guard_leader();
  resend_offers();
  tick_(&io_);
  settle();
}

void group::core::receive(time_ms now, node_id from, std::string_view bytes) {
  now_ = std::max(now_, now);
  if (!running_) return;
  wire::incoming message;
  if (from == no_node || from == settings_.self || !message.decode(from, bytes)) {
    ++malformed_;
    return;
  }
  if ((put_ && put_->installing) || !admit(message)) {
    ++dropped_;
  } else {
    hand(message);
  }
  settle();
}

void group::core::hand(wire::incoming& message) {
  if (message.message.type == RAFT_IO_APPEND_ENTRIES) {
    const auto& args = message.message.append_entries;
    answer_limit_ = args.prev_log_index + args.n_entries;
    if (args.term >= raft_.current_term) {
      heard_stamp_ =
          args.term == heard_term_ ? std::max(heard_stamp_, message.stamp) : message.stamp;
      heard_term_ = args.term;
    }
  }
  if (message.message.type == RAFT_IO_INSTALL_SNAPSHOT) {
    answer_limit_ = message.message.install_snapshot.last_index;
  }
  const auto address = address_of(message.from());
  auto* taken = message.take();
  taken->server_address = address.c_str();
  // Whether a vote counts is for the candidate to know: this node may not have heard yet that
  // it is a voter, or a member at all. libraft would refuse, and perhaps nobody could win
  // any more.
  const bool ballot = taken->type == RAFT_IO_REQUEST_VOTE && !is_voter(settings_.self);
  if (ballot) std::swap(raft_.configuration, alone_);
  receive_(&io_, taken);
  if (ballot) std::swap(raft_.configuration, alone_);
  answer_limit_.reset();
}

void group::core::written(time_ms now, std::uint64_t batch, const std::string& error) {
  now_ = std::max(now_, now);
  if (!running_) return;
  if (!error.empty()) return fail(error);
  written_ = std::max(written_, batch);
  settle();
}

void group::core::applied(time_ms now, log_index index, log_index durable) {
  now_ = std::max(now_, now);
  if (!running_) return;
  host_applied_ = std::max(host_applied_, index);
  durable_ = std::max(durable_, std::min(durable, host_applied_));
  settle();
}

void group::core::installed(time_ms now, log_index index) {
  skip_ = std::max(skip_, index);
  applied(now, index, index);
}

void group::core::settle() {
  if (!running_) return;
  for (bool again = true; again && running_;) {
    apply_resends();
    again = answer_libraft();
    again = note_role() || again;
    if (!running_) return;
    again = replay_results() || again;
    again = take_offer() || again;
    again = try_own() || again;
  }
  if (running_) let_out();
}

bool group::core::answer_libraft() {
  bool any = false;
  while (!sent_.empty()) {
    any = true;
    for (auto& one : std::exchange(sent_, {})) {
      if (one.done) one.done(one.request, 0);
    }
  }
  if (!wanted_.empty()) {
    any = true;
    for (auto& one : std::exchange(wanted_, {})) {
      if (one.record) {
        one.done(one.request, io::make_snapshot(*one.record), 0);
      } else {
        one.done(one.request, nullptr, RAFT_NOTFOUND);
      }
    }
  }
  any = complete_appends(false) || any;
  any = write_snapshot() || any;
  any = finish_snapshot() || any;
  return any;
}

bool group::core::note_role() {
  bool any = false;
  if (raft_.state == RAFT_UNAVAILABLE) {
    fail("Raft group " + std::to_string(settings_.number) +
         " found its log in contradiction to its leader's: " + raft_errmsg(&raft_));
    return true;
  }
  if (leading_ != 0 && (raft_.state != RAFT_LEADER || raft_.current_term != leading_)) {
    end_leadership();
    any = true;
  }
  any = note_leader_and_members() || any;
  if (leading_ == 0 && raft_.state == RAFT_LEADER) {
    begin_leadership();
    any = true;
  }
  any = begin_transfer() || any;
  return finish_transfer() || any;
}

bool group::core::note_leader_and_members() {
  const auto leads = leader();
  if (leads != leader_ || (leads != no_node && raft_.current_term != leader_term_)) {
    leader_ = leads;
    leader_term_ = raft_.current_term;
    host_.leader_changed(leader_, leader_term_);
  }
  const auto& conf = raft_.configuration;
  bool same = conf.n == members_.size();
  for (unsigned i = 0; same && i < conf.n; ++i) {
    same = conf.servers[i].id == number(members_[i].node) &&
           conf.servers[i].role == static_cast<int>(members_[i].role);
  }
  if (!same) {
    members_ = membership_of(conf);
    host_.members_changed(members_);
  }
  return false;
}

void group::core::let_out() {
  if (!batch_.empty()) {
    auto batch = std::exchange(batch_, {});
    host_.write(batch_no_++, std::move(batch));
  }
  while (!outbox_.empty() && outbox_.front().after <= written_) {
    auto out = std::move(outbox_.front());
    outbox_.pop_front();
    host_.send(out.to, std::move(out.bytes));
  }
}

void group::core::fail(const std::string& why) {
  stop();
  host_.failed(why);
}

void group::core::count_log() {
  log_bytes_ = covered_bytes_ = 0;
  const auto last = last_index(raft_.log);
  for (auto index = raft_.log.offset + 1; index <= last; ++index) {
    const auto bytes = entry_at(raft_.log, index)->buf.len + sizeof(raft_entry);
    log_bytes_ += bytes;
    if (index <= raft_.log.snapshot.last_index) covered_bytes_ += bytes;
  }
}

/// The host does not get on disk what it was given, so that the log grows. Only then are entries
/// refused: what is not yet committed is bounded by whoever leads, and refusing that
/// could keep it from being committed.
bool group::core::snapshot_late() const {
  return put_ &&
         log_bytes_ - covered_bytes_ > settings_.snapshot_bytes + 2 * settings_.in_flight_bytes;
}

role group::core::role() const {
  if (!running_) return raft::role::stopped;
  switch (raft_.state) {
    case RAFT_FOLLOWER:
      return raft::role::follower;
    case RAFT_CANDIDATE:
      return raft::role::candidate;
    case RAFT_LEADER:
      return raft::role::leader;
    default:
      return raft::role::stopped;
  }
}

node_id group::core::leader() const {
  if (!running_) return no_node;
  if (raft_.state == RAFT_LEADER) return settings_.self;
  if (raft_.state == RAFT_FOLLOWER) return node_id{raft_.follower_state.current_leader.id};
  return no_node;
}

group_figures group::core::figures() const {
  group_figures out;
  out.role = role();
  out.term = raft_.current_term;
  out.leader = leader();
  out.first = raft_.log.offset + 1;
  out.last = last_index(raft_.log);
  out.committed = raft_.commit_index;
  out.applied = host_applied_;
  out.snapshot = raft_.log.snapshot.last_index;
  out.log_entries = entries_of(raft_.log);
  out.log_bytes = log_bytes_;
  out.in_flight_bytes = in_flight_ + queued_bytes_;
  out.malformed = malformed_;
  out.dropped = dropped_;
  if (running_ && raft_.state == RAFT_LEADER) {
    for (unsigned i = 0; i < raft_.configuration.n; ++i) {
      const auto& server = raft_.configuration.servers[i];
      const auto& progress = raft_.leader_state.progress[i];
      out.followers.push_back(
          {node_id{server.id}, static_cast<member_role>(server.role), progress.match_index,
           progress.state == static_cast<unsigned short>(progress_state::snapshot)});
    }
  }
  return out;
}

std::size_t group::core::memory_bytes() const {
  return sizeof(core) + raft_.log.size * sizeof(raft_entry) +
         raft_.log.refs_size * sizeof(raft_entry_ref) + log_bytes_ + in_flight_;
}

}  // namespace troupe::cluster::raft
