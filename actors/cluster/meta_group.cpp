#include "actors/cluster/meta_group.hpp"

#include <algorithm>
#include <utility>

#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/payload.hpp"
#include "cluster/raft/envelope.hpp"

namespace troupe::clustering {

using link::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;
namespace raft = cluster::raft;

namespace {

constexpr std::int64_t hearing_ms = 2'000;    // before one that hears more members leads
constexpr std::int64_t step_pause_ms = 500;  // after a step that failed
constexpr raft::log_index near_entries = 64;
constexpr raft::group_no meta_number = 0;

}  // namespace

known_states states_of(const storage::raft_log_content& content) {
  known_states result;
  if (content.snapshot) {
    auto state = cluster::cluster_state::decode(content.snapshot->reference, result.error);
    if (!state) return result;
    result.sure = std::move(*state);
  }
  result.guess = result.sure;
  const auto after = content.snapshot ? content.snapshot->index : 0;
  for (std::size_t i = 0; i < content.entries.size(); ++i) {
    if (content.first + i <= after) continue;
    if (content.entries[i].kind == storage::raft_entry_kind::command)
      result.guess.apply(content.entries[i].bytes);
  }
  return result;
}

meta_group::meta_group(caf::actor_config& cfg, const meta_settings& settings,
                       storage::raft_log& log, cluster::network& net,
                       storage::raft_log_content content, caf::strong_actor_ptr membership)
    : lean_actor(cfg),
      settings_(settings),
      log_(log),
      net_(net),
      content_(std::move(content)),
      membership_(std::move(membership)),
      state_(std::make_shared<const cluster::cluster_state>()),
      hearing_(settings_.self) {
  heard_.insert(settings_.self);
}

void meta_group::describe(runtime::actor_description& to) const {
  to.serves = owner_ ? "members and shard map, as the leader" : "members and shard map";
  if (leader_ == cluster::no_node) to.waits_for = "a leader";
}

void meta_group::receive(caf::mailbox_element& m) {
  if (auto* message = runtime::mutable_payload<group_message>(m)) {
    if (group_) group_->receive(now(), message->from, message->bytes);
  } else if (const auto* written = runtime::payload<log_written>(m)) {
    if (group_) group_->written(now(), written->number, written->error);
  } else if (auto* command = runtime::mutable_payload<propose_command>(m)) {
    propose(*command);
  } else if (const auto* heard = runtime::payload<peer_heard>(m)) {
    hearing_.peer(heard->node, heard->up, loop().now());
    if (heard->up)
      heard_.insert(heard->node);
    else
      heard_.erase(heard->node);
  } else if (auto* hears = runtime::mutable_payload<peer_hears>(m)) {
    hearing_.says(hears->node, std::move(hears->others), loop().now());
  } else if (const auto* begin = runtime::payload<start_group>(m)) {
    if (!group_) start(begin->bootstrap);
  } else if (auto* last = runtime::mutable_payload<end_group>(m)) {
    stopping_ = true;
    if (group_) group_->stop();
    last->done();
    return;
  } else if (auto* leave = runtime::mutable_payload<leave_leadership>(m)) {
    give_away(*leave);
  }
  settle();
}

void meta_group::on_exit(const caf::error& reason) {
  if (scheduled() && home() == runtime::run_loop::current()) home()->timers().cancel(*this);
  if (group_) group_->stop();
  membership_ = nullptr;
  lean_actor::on_exit(reason);
}

raft::time_ms meta_group::now() { return static_cast<raft::time_ms>(loop().now()); }

void meta_group::start(bool bootstrap) {
  raft::group_settings settings;
  settings.number = meta_number;
  settings.self = settings_.self;
  settings.election_timeout_ms = settings_.election_timeout_ms;
  settings.heartbeat_ms = settings_.heartbeat_ms;
  settings.snapshot_entries = settings_.snapshot_entries;
  settings.seed = settings_.seed;
  auto content = std::exchange(content_, {});
  if (bootstrap && content.empty()) {
    storage::raft_log_batch batch;
    raft::group::bootstrap({{settings_.self, raft::member_role::voter}}, content, batch);
    // In the log's order before whatever the group writes: nothing is answered before it.
    log_.write(meta_number, std::move(batch), [](const std::string&) {});
  }
  auto known = states_of(content);
  if (!known.error.empty()) return fail(known.error);
  state_ = std::make_shared<const cluster::cluster_state>(std::move(known.sure));
  applied_ = told_ = content.snapshot ? content.snapshot->index : 0;
  raft::group_host& host = *this;
  group_ = std::make_unique<raft::group>(settings, host);
  if (auto error = group_->start(now(), std::move(content), applied_); !error.empty())
    return fail(error);
  changed_ = true;
  plan_tick();
}

void meta_group::plan_tick() {
  loop().timers().schedule(*this, loop().now() + std::max<std::int64_t>(1, settings_.heartbeat_ms / 2));
}

void meta_group::on_timer() {
  if (!group_ || failed_) return;
  group_->tick(now());
  take_step();
  settle();
  plan_tick();
}

// -- commands ---------------------------------------------------------------------------

void meta_group::propose(propose_command& what) {
  if (!group_ || failed_ || stopping_) return what.done({false, raft::outcome::stopped, {}});
  group_->propose(cluster::command::encode(what.what),
                  [this, done = std::move(what.done)](raft::outcome how, raft::log_index index) {
                    const bool decided = how == raft::outcome::done && index == applied_;
                    done({decided, how, decided ? last_outcome_ : cluster::outcome{}});
                  });
  group_->flush(now());
}

void meta_group::give_away(leave_leadership& order) {
  stopping_ = true;
  if (!group_ || !owner_) return order.done();
  for (const auto& each : look().near) {
    const auto role = std::ranges::find(servers_, each, &raft::member::node);
    if (each == settings_.self || role == servers_.end() ||
        role->role != raft::member_role::voter || !heard_.contains(each))
      continue;
    return group_->transfer_leadership(now(), each,
                                       [done = std::move(order.done)](raft::outcome) { done(); });
  }
  order.done();
}

// -- steps of the leader ----------------------------------------------------------------

cluster::meta_sight meta_group::look() const {
  cluster::meta_sight seen;
  seen.self = settings_.self;
  seen.servers = servers_;
  seen.heard = heard_;
  seen.near.insert(settings_.self);
  const auto figures = group_->figures();
  for (const auto& each : figures.followers) {
    if (each.match != 0 && !each.snapshot && each.match + near_entries >= figures.last)
      seen.near.insert(each.node);
  }
  return seen;
}

void meta_group::take_step() {
  if (!owner_ || stepping_ || stopping_ || failed_ || loop().now() < step_at_) return;
  const auto seen = look();
  if (give_to_one_that_hears_more(seen)) return;
  auto step = cluster::next_step(*state_, seen);
  if (std::holds_alternative<std::monostate>(step)) return;
  stepping_ = true;
  const auto ended = [this](raft::outcome how) { step_ended(how); };
  if (const auto* command = std::get_if<cluster::command::any>(&step)) {
    group_->propose(cluster::command::encode(*command), [this](raft::outcome how, auto index) {
      const bool decided = how == raft::outcome::done && index == applied_;
      if (decided && !last_outcome_.ok())
        log_event(log_module::cluster, log_level::warning, "The cluster refused a step",
                  {{"why", last_outcome_.sentence}});
      step_ended(decided && last_outcome_.ok() ? how : raft::outcome::busy);
    });
    group_->flush(now());
  } else if (const auto* change = std::get_if<cluster::server_change>(&step)) {
    switch (change->what) {
      case cluster::server_change::kind::add:
        group_->add(now(), change->node, ended);
        break;
      case cluster::server_change::kind::assign:
        group_->assign(now(), change->node, change->as, ended);
        break;
      case cluster::server_change::kind::remove:
        group_->remove(now(), change->node, ended);
        break;
    }
  } else if (const auto* to = std::get_if<cluster::hand_over>(&step)) {
    group_->transfer_leadership(now(), to->to, ended);
  }
}

/// Members that do not hear the leader are not ready.
bool meta_group::give_to_one_that_hears_more(const cluster::meta_sight& seen) {
  std::set<cluster::node_id> members;
  for (const auto& [node, who] : state_->members()) members.insert(node);
  std::vector<cluster::node_id> able;
  for (const auto& each : seen.near) {
    const auto role = std::ranges::find(servers_, each, &raft::member::node);
    if (role != servers_.end() && role->role == raft::member_role::voter) able.push_back(each);
  }
  const auto to = hearing_.better(able, members, loop().now(), hearing_ms);
  if (to == cluster::no_node) return false;
  stepping_ = true;
  group_->transfer_leadership(now(), to, [this](raft::outcome how) { step_ended(how); });
  return true;
}

void meta_group::step_ended(raft::outcome how) {
  stepping_ = false;
  if (how != raft::outcome::done) step_at_ = loop().now() + step_pause_ms;
}

// -- what the group asks for --------------------------------------------------------------

void meta_group::send(cluster::node_id to, std::string message) {
  raft::envelope_writer envelope;
  envelope.add(meta_number, message);
  net_.send(to, {cluster::channel::raft, envelope.take(), nullptr, false});
}

void meta_group::write(std::uint64_t number, storage::raft_log_batch batch) {
  log_.write(meta_number, std::move(batch),
             [self = caf::strong_actor_ptr{ctrl()}, number](const std::string& error) {
               tell(self, log_written{number, error});
             });
}

void meta_group::apply(raft::log_index index, raft::term_no /*term*/, std::string_view command) {
  if (index <= applied_ || failed_) return;
  auto next = std::make_shared<cluster::cluster_state>(*state_);
  last_outcome_ = next->apply(command);
  if (last_outcome_.what == cluster::outcome::kind::unreadable) return fail(last_outcome_.sentence);
  applied_ = index;
  if (last_outcome_.what != cluster::outcome::kind::changed) return;
  state_ = std::move(next);
  changed_ = true;
}

void meta_group::owned(raft::term_no /*term*/) {
  owner_ = true;
  changed_ = true;
}

void meta_group::disowned(raft::term_no /*term*/) {
  owner_ = false;
  changed_ = true;
}

void meta_group::leader_changed(cluster::node_id leader, raft::term_no term) {
  leader_ = leader;
  term_ = term;
  changed_ = true;
}

void meta_group::members_changed(const raft::membership& members) {
  servers_ = members;
  changed_ = true;
}

std::string meta_group::snapshot_reference(raft::log_index /*index*/, raft::term_no /*term*/) {
  return state_->encode();
}

void meta_group::snapshot_wanted(cluster::node_id /*to*/, raft::log_index /*index*/,
                                 raft::term_no /*term*/, std::string_view /*reference*/) {
  // The reference that it was told is the state.
}

void meta_group::snapshot_offered(cluster::node_id /*from*/, raft::log_index index,
                                  raft::term_no /*term*/, std::string_view reference) {
  if (index > applied_) {
    std::string error;
    auto newer = cluster::cluster_state::decode(reference, error);
    if (!newer) return fail(error);
    state_ = std::make_shared<const cluster::cluster_state>(std::move(*newer));
    applied_ = index;
    changed_ = true;
  }
  installed_ = std::max(installed_.value_or(0), index);
}

void meta_group::failed(const std::string& why) { fail(why); }

void meta_group::fail(std::string why) {
  if (failed_) return;
  failed_ = true;
  owner_ = false;
  failure_ = std::move(why);
  changed_ = true;
}

void meta_group::settle() {
  for (;;) {
    if (failed_ || !group_) break;
    if (installed_) {
      const auto index = *std::exchange(installed_, std::nullopt);
      told_ = std::max(told_, applied_);
      group_->installed(now(), std::max(index, applied_));
    } else if (told_ < applied_) {
      told_ = applied_;
      // What the log's own snapshot says is the state: it is as durable as the log.
      group_->applied(now(), applied_, applied_);
    } else {
      break;
    }
  }
  if (failed_ && group_) group_->stop();  // again and again does no harm
  publish();
}

void meta_group::publish() {
  if (!std::exchange(changed_, false)) return;
  tell(membership_, meta_news{group_ ? state_ : nullptr, leader_, term_, owner_, servers_, failure_});
}

}  // namespace troupe::clustering
