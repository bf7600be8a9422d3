#include "actors/replication/shard_group.hpp"

#include <algorithm>
#include <utility>

namespace troupe::replication {

using namespace cluster;
namespace raft = cluster::raft;

shard_group::shard_group(std::shared_ptr<replication_context> context,
                         std::shared_ptr<loop_inbox> inbox, shard_host& host, shard_id shard)
    : context_(std::move(context)),
      inbox_(std::move(inbox)),
      host_(host),
      shard_(shard),
      restart_ms_(context_->settings.restart_ms),
      fetch_(context_, inbox_, shard,
             {[this] { state_begins(); }, [this] { state_ended(); }}) {}

shard_group::~shard_group() {
  end_group();
  refuse_waiting(describe(raft::outcome::stopped));
}

// --- start and end -----------------------------------------------------------------

void shard_group::start(raft::membership members) {
  if (phase_ != phase::stopped || !stopping_.empty() || forgetting_) return;
  first_members_ = std::move(members);
  restart_ms_ = context_->settings.restart_ms;
  load();
}

void shard_group::load() {
  phase_ = phase::loading;
  host_.load(context_->group_of(shard_),
             [this, life = std::weak_ptr(alive_)](storage::raft_log::loaded what) {
               if (!life.expired() && phase_ == phase::loading) loaded(std::move(what));
             });
}

void shard_group::loaded(storage::raft_log::loaded what) {
  if (!what.error.empty()) return rest(what.error);
  const auto marks = context_->shards_of_store.marks(shard_);
  const bool restored = what.content.empty() && marks.index == storage::shard_marks::restored;
  if (restored &&
      (first_members_.size() != 1 || first_members_.front().node != context_->settings.self))
    return rest("What shard " + std::to_string(number(shard_)) +
                " holds was restored from backups, but its group does not begin here alone.");
  if (!what.content.empty() || first_members_.empty()) return begin(std::move(what.content));
  auto content = std::make_shared<storage::raft_log_content>();
  storage::raft_log_batch batch;
  if (!(restored ? raft::group::bootstrap_behind(first_members_, marks.index, marks.term, *content,
                                                 batch)
                 : raft::group::bootstrap(first_members_, *content, batch)))
    return rest("The members of shard " + std::to_string(number(shard_)) + " make no group.");
  ++writing_;
  context_->raft_log.write(
      context_->group_of(shard_), std::move(batch),
      [this, content, inbox = inbox_, life = std::weak_ptr(alive_)](const std::string& error) {
        inbox->run([this, content, error, life] {
          if (life.expired()) return;
          --writing_;
          if (phase_ == phase::loading) bootstrapped(std::move(*content), error);
          try_finish_stop();
        });
      });
}

void shard_group::bootstrapped(storage::raft_log_content content, const std::string& error) {
  if (!error.empty()) return rest(error);
  begin(std::move(content));
}

void shard_group::begin(storage::raft_log_content content) {
  const auto marks = context_->shards_of_store.marks(shard_);
  const auto kept = content.snapshot ? content.snapshot->index : 0;
  if (marks.incomplete && kept == 0 && !fetch_.active()) {
    // A take-over that did not end; the log makes all of it.
    context_->shards_of_store.drop_shard(
        shard_, [this, inbox = inbox_, content = std::make_shared<storage::raft_log_content>(
                                           std::move(content)),
                 life = std::weak_ptr(alive_)](const storage::commit_result& result) {
          inbox->run([this, result, content, life] {
            if (life.expired() || phase_ != phase::loading) return;
            if (!result.ok) return rest(result.error);
            begin(std::move(*content));
          });
        });
    return;
  }
  // If the store has lost what the log relies on, another replica has it.
  state_whole_ = !marks.incomplete && marks.index >= kept && !fetch_.importing();
  const auto applied = std::max(kept, marks.index);
  ++life_;
  failure_.clear();
  auto settings = context_->settings.group;
  settings.number = context_->group_of(shard_);
  settings.self = context_->settings.self;
  settings.seed = context_->settings.seed + 0x9E3779B97F4A7C15U * (settings.number + life_ * 65536);
  raft::group_host& here = *this;
  group_ = std::make_unique<raft::group>(settings, here);
  new_applying(applied);
  last_entry_ = applied;
  phase_ = phase::running;
  began_ = host_.now();
  const auto error =
      group_->start(static_cast<raft::time_ms>(began_), std::move(content), applied);
  if (!error.empty()) failure_ = error;
  if (!state_whole_ && failure_.empty()) fetch_.want(began_, kept, no_node);
  settle();
}

void shard_group::rest(const std::string& why) {
  phase_ = phase::resting;
  if (trouble_ != why) {
    context_->report("Shard " + std::to_string(number(shard_)) +
                     " does not run on this node, it is tried again: " + why);
  }
  trouble_ = why;
  restart_at_ = host_.now() + restart_ms_;
  restart_ms_ = std::min(restart_ms_ * 2, context_->settings.restart_most_ms);
}

/// Everything that was proposed is answered by the group within stop().
void shard_group::end_group() {
  if (!group_) return;
  group_->stop();
  ++life_;
  group_.reset();
  for (auto& one : std::exchange(proposals_, {})) refuse(one, raft::outcome::stopped);
  for (auto& one : entries_) {
    if (one.of) refuse(*one.of, raft::outcome::lost);
  }
  entries_.clear();
  owned_ = transferring_ = false;
  refuse_waiting(describe(raft::outcome::stopped));
  if (leader_ != no_node) context_->events.leader_known(shard_, leader_ = no_node, 0);
}

void shard_group::stop(bool forget, std::function<void()> done) {
  end_group();
  phase_ = phase::stopped;
  if (fetch_.active()) fetch_.cancel();
  forget_ = forget_ || forget;
  stopping_.push_back(std::move(done));
  try_finish_stop();
}

void shard_group::try_finish_stop() {
  if (phase_ != phase::stopped || stopping_.empty() || writing_ > 0 || forgetting_) return;
  if (std::exchange(forget_, false)) return forget();
  for (const auto& done : std::exchange(stopping_, {})) {
    if (done) done();
  }
}

/// First the state: a log without one is taken for lost data, a state without a log is not.
void shard_group::forget() {
  forgetting_ = true;
  const auto forgotten = [this, inbox = inbox_, life = std::weak_ptr(alive_)] {
    inbox->run([this, life] {
      if (life.expired()) return;
      forgetting_ = false;
      try_finish_stop();
    });
  };
  context_->shards_of_store.drop_shard(
      shard_, [context = context_, shard = shard_, forgotten](const storage::commit_result&) {
        storage::raft_log_batch batch;
        batch.erase();
        context->raft_log.write(replication_context::group_of(shard), std::move(batch),
                                [forgotten](const std::string&) { forgotten(); });
      });
}

void shard_group::settle() {
  if (!group_) return;
  if (applying_->failed && failure_.empty())
    failure_ = "Its store could not write. It goes on where it was when the disk takes writes again.";
  while (failure_.empty()) {
    note_applied();
    propose();
    give_entries();
    if (!failure_.empty()) break;
    // Once more after the store was told to call, lest it has answered just before.
    const bool waits = (leader_ == context_->settings.self && !owned_) || !entries_.empty();
    if (applying_->call.exchange(waits) || !waits) return;
  }
  const auto why = std::exchange(failure_, {});
  if (host_.now() - began_ > context_->settings.restart_most_ms)
    restart_ms_ = context_->settings.restart_ms;
  end_group();
  ++restarts_;
  rest(why);
}

// --- what comes from outside ----------------------------------------------------------

void shard_group::tick() {
  fetch_.tick(host_.now());
  if (phase_ == phase::resting && host_.now() >= restart_at_ && writing_ == 0 &&
      context_->store.current().writable) {
    return load();
  }
  if (!group_) {
    commits_wait();
    return;
  }
  group_->tick(static_cast<raft::time_ms>(host_.now()));
  settle();
}

void shard_group::received(node_id from, std::string_view message) {
  if (!group_) return;
  group_->receive(static_cast<raft::time_ms>(host_.now()), from, message);
  settle();
}

void shard_group::received(node_id from, const transfer_frame& frame) {
  fetch_.received(host_.now(), from, frame);
  settle();
}

void shard_group::peer_down(node_id peer) { fetch_.peer_down(host_.now(), peer); }

void shard_group::written(const loop_inbox::written_batch& what) {
  --writing_;
  if (what.life == life_ && group_) {
    group_->written(static_cast<raft::time_ms>(host_.now()), what.number, what.error);
    settle();
  }
  try_finish_stop();
}

void shard_group::applied() { settle(); }

void shard_group::transfer(node_id to, changed done) {
  if (!group_) {
    if (done) done(raft::outcome::stopped);
    return;
  }
  transferring_ = true;
  group_->transfer_leadership(static_cast<raft::time_ms>(host_.now()), to,
                              [this, done = std::move(done)](raft::outcome how) {
                                transferring_ = false;
                                if (done) done(how);
                              });
  settle();
}

void shard_group::add(node_id node, changed done) {
  if (!group_) return done ? done(raft::outcome::stopped) : void();
  group_->add(static_cast<raft::time_ms>(host_.now()), node, std::move(done));
  settle();
}
void shard_group::assign(node_id node, raft::member_role as, changed done) {
  if (!group_) return done ? done(raft::outcome::stopped) : void();
  group_->assign(static_cast<raft::time_ms>(host_.now()), node, as, std::move(done));
  settle();
}
void shard_group::remove(node_id node, changed done) {
  if (!group_) return done ? done(raft::outcome::stopped) : void();
  group_->remove(static_cast<raft::time_ms>(host_.now()), node, std::move(done));
  settle();
}

// --- group_host -----------------------------------------------------------------------

void shard_group::send(node_id to, std::string message) { host_.send(to, shard_, message); }

void shard_group::write(std::uint64_t batch_number, storage::raft_log_batch batch) {
  ++writing_;
  context_->raft_log.write(
      context_->group_of(shard_), std::move(batch),
      [inbox = inbox_, shard = number(shard_), life = life_, batch_number](
          const std::string& error) { inbox->push({shard, life, batch_number, error}); });
}

void shard_group::owned(raft::term_no term) {
  owned_ = true;
  epoch_ = term;
  next_order_ = context_->shards_of_store.marks(shard_).next_order;
  trouble_.clear();
  restart_ms_ = context_->settings.restart_ms;
  context_->events.owned(shard_, term);
}

void shard_group::disowned(raft::term_no term) {
  owned_ = false;
  context_->events.disowned(shard_, term);
}

void shard_group::leader_changed(node_id leader, raft::term_no term) {
  leader_ = leader;
  if (leader != no_node) trouble_.clear();
  context_->events.leader_known(shard_, leader, term);
}

void shard_group::members_changed(const raft::membership& members) {
  std::vector<node_id> nodes;
  for (const auto& one : members) nodes.push_back(one.node);
  fetch_.sources(std::move(nodes));
  context_->events.members_known(shard_, members);
}

/// The log ends its past at this index. If that is no command, the store is told of it by an
/// empty one: it must not seem to lack what the log does not have.
std::string shard_group::snapshot_reference(raft::log_index index, raft::term_no term) {
  if (index > last_entry_) {
    last_entry_ = index;
    entries_.push_back({index, term, {}, 0, std::nullopt});
  }
  return {};
}

/// It asks for it by itself.
void shard_group::snapshot_wanted(node_id, raft::log_index, raft::term_no, std::string_view) {}

void shard_group::snapshot_offered(node_id from, raft::log_index index, raft::term_no,
                                   std::string_view) {
  fetch_.want(host_.now(), std::max<std::uint64_t>(index, given_), from);
}

void shard_group::failed(const std::string& why) { failure_ = why; }

shard_row shard_group::row() const {
  shard_row out;
  out.shard = shard_;
  out.running = group_ != nullptr;
  out.owned = owned_;
  out.fetching = fetch_.active();
  if (group_) out.group = group_->figures();
  out.applied = applying_ ? applying_->index.load() : 0;
  out.entries = entries_.size() + (applying_ && applying_->bytes > 0 ? 1 : 0);
  out.waiting = queue_.size() + proposals_.size();
  out.transfers = taken_over_;
  out.restarts = restarts_;
  out.trouble = trouble_;
  return out;
}

}  // namespace troupe::replication
