#include "actors/replication/replicas.hpp"

#include "actors/replication/group_loop.hpp"
#include "actors/replication/log_loader.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "cluster/raft/envelope.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <utility>

namespace troupe::replication {

replicas::replicas(caf::actor_system& system, cluster::network& net, storage::raft_log& log,
                   storage::store& local, storage::shard_replicas& shards,
                   replication_events& events, replication_settings settings)
    : context_(std::make_shared<replication_context>(
          std::move(settings), net, log, local, shards, events,
          runtime::loop_coordinator::of(system).loops())),
      loader_(std::make_shared<log_loader>(log, context_->settings.threads)),
      store_(context_) {
  auto& coordinator = runtime::loop_coordinator::of(system);
  for (unsigned i = 0; i < coordinator.loops(); ++i) {
    loops_.push_back(runtime::spawn_lean<group_loop>(system, &coordinator.loop(i), context_, i,
                                                     loader_));
    context_->inboxes[i]->open(caf::actor_cast<caf::strong_actor_ptr>(loops_.back()));
  }
}

replicas::~replicas() {
  release_handles();
}

void replicas::end_loading() { loader_->end(); }

void replicas::release_handles() {
  context_->closed = true;
  for (const auto& inbox : context_->inboxes) inbox->close();
  loops_.clear();
}

void replicas::on_every_loop(const std::function<void(group_loop&)>& what) {
  for (std::size_t i = 0; i < loops_.size(); ++i)
    context_->inboxes[i]->run([on = loop(i), what] { what(*on); });
}

group_loop* replicas::loop(std::size_t index) const {
  return static_cast<group_loop*>(caf::actor_cast<caf::abstract_actor*>(loops_[index]));
}

void replicas::on_loop(shard_id shard, std::function<void(shard_group&)> what) {
  if (number(shard) >= context_->gates.size() || loops_.empty()) return;
  const auto index = number(shard) % loops_.size();
  context_->inboxes[index]->run(
      [on = loop(index), shard, what = std::move(what)] { what(on->group(shard)); });
}

void replicas::start_group(shard_id shard, cluster::raft::membership first_members) {
  on_loop(shard, [members = std::move(first_members)](shard_group& group) {
    group.start(members);
  });
}

void replicas::stop_group(shard_id shard, bool forget, std::function<void()> done) {
  on_loop(shard, [forget, done = std::move(done)](shard_group& group) {
    group.stop(forget, done);
  });
}

void replicas::transfer(shard_id shard, cluster::node_id to, changed done) {
  on_loop(shard, [to, done = std::move(done)](shard_group& group) { group.transfer(to, done); });
}

void replicas::add_member(shard_id shard, cluster::node_id node, changed done) {
  on_loop(shard, [node, done = std::move(done)](shard_group& group) { group.add(node, done); });
}

void replicas::assign_member(shard_id shard, cluster::node_id node, cluster::raft::member_role as,
                             changed done) {
  on_loop(shard, [node, as, done = std::move(done)](shard_group& group) {
    group.assign(node, as, done);
  });
}

void replicas::remove_member(shard_id shard, cluster::node_id node, changed done) {
  on_loop(shard, [node, done = std::move(done)](shard_group& group) { group.remove(node, done); });
}

void replicas::route(cluster::raft::group_no group, taker to) {
  const std::unique_lock lock(routes_mutex_);
  routes_[group] = std::move(to);
}

std::vector<shard_row> replicas::rows() const {
  std::vector<shard_row> out;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    auto some = loop(i)->rows();
    out.insert(out.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  std::sort(out.begin(), out.end(),
            [](const shard_row& a, const shard_row& b) { return a.shard < b.shard; });
  return out;
}

replicas::figures replicas::current() const {
  figures out;
  for (const auto& inbox : context_->inboxes) out.dropped_frames += inbox->dropped();
  out.damaged_frames = damaged_.load(std::memory_order_relaxed);
  out.pending_bytes = context_->pending_bytes.load(std::memory_order_relaxed);
  return out;
}

void replicas::stop(std::function<void()> done) {
  context_->closed = true;
  auto left = std::make_shared<std::atomic<std::size_t>>(loops_.size());
  const auto one = [left, done = std::move(done)] {
    if (left->fetch_sub(1) == 1 && done) done();
  };
  on_every_loop([one](group_loop& loop) { loop.stop_all(one); });
}

void replicas::peer_up(cluster::node_id, std::uint64_t) {}

void replicas::peer_down(cluster::node_id peer, std::uint64_t) {
  on_every_loop([peer](group_loop& loop) { loop.peer_down(peer); });
}

void replicas::received(cluster::node_id from, cluster::channel to, std::string_view bytes) {
  if (to != cluster::channel::raft || loops_.empty()) return;
  auto shared = std::make_shared<const std::string>(bytes);
  if (transfer_frame::is_one(bytes)) {
    const auto about = transfer_frame::decode(bytes);
    if (!about) {
      damaged_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    context_->inbox(about->shard).push(loop_inbox::frame{from, std::move(shared)});
    return;
  }
  std::vector<bool> concerned(loops_.size());
  cluster::raft::envelope_reader in(bytes);
  while (const auto message = in.next()) {
    if (message->group > 0 && message->group <= context_->gates.size())
      concerned[(message->group - 1) % loops_.size()] = true;
    const std::shared_lock lock(routes_mutex_);
    const auto other = routes_.find(message->group);
    if (other != routes_.end()) other->second(from, message->bytes);
  }
  if (in.damaged()) damaged_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    if (concerned[i]) context_->inboxes[i]->push(loop_inbox::frame{from, shared});
  }
}

}  // namespace troupe::replication
