#include "actors/replication/group_loop.hpp"

#include "actors/replication/log_loader.hpp"
#include "actors/runtime/payload.hpp"

#include <algorithm>
#include <utility>

namespace troupe::replication {
namespace {

constexpr std::int64_t publish_ms = 1000;

}  // namespace

group_loop::group_loop(caf::actor_config& config, std::shared_ptr<replication_context> context,
                       unsigned index, std::shared_ptr<log_loader> loader)
    : lean_actor(config),
      context_(std::move(context)),
      index_(index),
      inbox_(context_->inboxes[index]),
      loader_(std::move(loader)),
      groups_(context_->gates.size()),
      source_(context_, inbox_),
      tick_ms_(std::max<std::int64_t>(context_->settings.group.heartbeat_ms / 2, 1)) {}

void group_loop::describe(runtime::actor_description& to) const {
  const auto held = std::ranges::count_if(groups_, [](const auto& each) { return each != nullptr; });
  to.serves = "Raft groups of " + std::to_string(held) + " shards";
}

void group_loop::receive(caf::mailbox_element& m) {
  if (runtime::payload<look_into_inbox>(m)) look();
}

void group_loop::on_exit(const caf::error&) {
  home()->timers().cancel(timer_);
  inbox_->close();
  source_.clear();
  groups_.clear();
}

shard_group& group_loop::group(shard_id shard) {
  auto& place = groups_[number(shard)];
  if (!place) place = std::make_unique<shard_group>(context_, inbox_, *this, shard);
  return *place;
}

shard_group* group_loop::find(std::uint16_t shard) {
  return shard < groups_.size() ? groups_[shard].get() : nullptr;
}

void group_loop::look() {
  if (!timer_.scheduled()) home()->timers().schedule(timer_, now() + tick_ms_);
  taken_.clear();
  inbox_->take(taken_);
  for (const auto& one : taken_.written) {
    if (auto* group = find(one.shard)) group->written(one);
  }
  for (const auto& one : taken_.frames) take_frame(one);
  for (const auto& work : taken_.works) work();
  for (const auto shard : taken_.applied) {
    if (auto* group = find(shard)) group->applied();
  }
  for (const auto shard : taken_.commits) group(static_cast<shard_id>(shard)).commits_wait();
  flush_all();
}

void group_loop::take_frame(const loop_inbox::frame& frame) {
  const std::string_view bytes = *frame.bytes;
  if (transfer_frame::is_one(bytes)) {
    const auto about = transfer_frame::decode(bytes);
    if (!about || number(about->shard) >= groups_.size()) return;
    if (about->what == transfer_frame::kind::chunk || about->what == transfer_frame::kind::refuse) {
      if (auto* group = find(number(about->shard))) group->received(frame.from, *about);
    } else {
      source_.received(now(), frame.from, *about);
    }
    return;
  }
  cluster::raft::envelope_reader in(bytes);
  while (const auto message = in.next()) {
    if (message->group == 0 || (message->group - 1) % context_->inboxes.size() != index_) continue;
    if (message->group > groups_.size()) continue;
    if (auto* group = groups_[message->group - 1].get()) group->received(frame.from, message->bytes);
  }
}

void group_loop::tick() {
  home()->timers().schedule(timer_, now() + tick_ms_);
  for (auto& group : groups_) {
    if (group) group->tick();
  }
  source_.tick(now());
  if (now() - published_at_ >= publish_ms) publish();
  flush_all();
}

void group_loop::peer_down(cluster::node_id peer) {
  source_.peer_down(peer);
  for (auto& group : groups_) {
    if (group) group->peer_down(peer);
  }
}

void group_loop::stop_all(std::function<void()> then) {
  auto left = std::make_shared<std::size_t>(1);
  const auto one = [left, then = std::move(then)] {
    if (--*left == 0 && then) then();
  };
  for (auto& group : groups_) {
    if (!group) continue;
    ++*left;
    group->stop(false, one);
  }
  one();
}

void group_loop::send(cluster::node_id to, shard_id of, std::string_view message) {
  auto& out = out_[to];
  out.add(replication_context::group_of(of), message);
  if (out.size() >= context_->settings.frame_bytes) flush(to, out);
}

void group_loop::flush(cluster::node_id to, cluster::raft::envelope_writer& out) {
  // What is lost Raft sends again: a peer that does not keep up costs no memory.
  (void)context_->net.send(to, {cluster::channel::raft, out.take(), nullptr, true});
}

void group_loop::flush_all() {
  for (auto& [to, out] : out_) {
    if (!out.empty()) flush(to, out);
  }
}

void group_loop::load(cluster::raft::group_no group,
                      std::function<void(storage::raft_log::loaded)> then) {
  loader_->load(group, [inbox = inbox_, then = std::move(then)](storage::raft_log::loaded what) {
    auto shared = std::make_shared<storage::raft_log::loaded>(std::move(what));
    inbox->run([then, shared] { then(std::move(*shared)); });
  });
}

std::int64_t group_loop::now() { return home()->now(); }

void group_loop::publish() {
  published_at_ = now();
  std::vector<shard_row> made;
  for (const auto& group : groups_) {
    if (group && !group->stopped()) made.push_back(group->row());
  }
  const std::lock_guard lock(rows_mutex_);
  rows_.swap(made);
}

std::vector<shard_row> group_loop::rows() const {
  const std::lock_guard lock(rows_mutex_);
  return rows_;
}

}  // namespace troupe::replication
