#pragma once

#include "actors/replication/replication_context.hpp"
#include "actors/replication/shard_group.hpp"
#include "actors/replication/transfer/state_source.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "cluster/raft/envelope.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::replication {

class log_loader;

/// All groups of one run loop: shard s lives on loop s modulo the number of loops. One timer, one
/// inbox, and for each peer one frame of all groups' messages at the end of a turn, so
/// that groups which do nothing cost next to nothing.
///
/// Pinned to its loop. Ends when it is told to or with the actor system; stops its groups then.
class group_loop final : public runtime::lean_actor, public shard_host {
 public:
  group_loop(caf::actor_config& config, std::shared_ptr<replication_context> context,
             unsigned index, std::shared_ptr<log_loader> loader);

  const char* name() const override { return "group_loop"; }
  void describe(runtime::actor_description& to) const override;

  /// Figures of its shards, about a second old. Any thread.
  std::vector<shard_row> rows() const;

  // --- within a work of the inbox ---
  shard_group& group(shard_id shard);
  void peer_down(cluster::node_id peer);
  /// Stops all groups; `then` is called when the logs have answered.
  void stop_all(std::function<void()> then);

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  struct tick_timer final : runtime::timer_entry {
    explicit tick_timer(group_loop& x) : owner(x) {}
    void on_timer() override { owner.tick(); }
    group_loop& owner;
  };

  // --- shard_host ---
  void send(cluster::node_id to, shard_id of, std::string_view message) override;
  void load(cluster::raft::group_no group,
            std::function<void(storage::raft_log::loaded)> then) override;
  std::int64_t now() override;

  void look();
  void take_frame(const loop_inbox::frame& frame);
  shard_group* find(std::uint16_t shard);
  void tick();
  void flush(cluster::node_id to, cluster::raft::envelope_writer& out);
  void flush_all();
  void publish();

  const std::shared_ptr<replication_context> context_;
  const unsigned index_;
  const std::shared_ptr<loop_inbox> inbox_;
  const std::shared_ptr<log_loader> loader_;
  std::vector<std::unique_ptr<shard_group>> groups_;  // by shard; most may be null
  state_source source_;
  loop_inbox::content taken_;
  std::map<cluster::node_id, cluster::raft::envelope_writer> out_;
  tick_timer timer_{*this};
  std::int64_t tick_ms_;
  std::int64_t published_at_ = 0;

  mutable std::mutex rows_mutex_;
  std::vector<shard_row> rows_;
};

}  // namespace troupe::replication
