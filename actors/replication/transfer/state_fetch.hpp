#pragma once

#include "actors/replication/replication_context.hpp"
#include "actors/replication/transfer/transfer_frame.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe::replication {

/// Gets the state of a shard from other nodes, chunk by chunk into the local store, until it has
/// one: from the node it was told, or the next one if that fails. On the run loop of the shard.
///
///   idle --want()--> asking --first chunk--> importing --last chunk imported--> idle
///                      ^ \____refused, silent, lost, failed____/
class state_fetch {
 public:
  struct outcome {
    std::function<void()> begins;  // the next moment the shard's state is gone
    std::function<void()> ended;   // it is there, see marks()
  };
  state_fetch(std::shared_ptr<replication_context> context, std::shared_ptr<loop_inbox> inbox,
              shard_id shard, outcome told)
      : context_(std::move(context)),
        inbox_(std::move(inbox)),
        shard_(shard),
        told_(std::move(told)) {}

  bool active() const noexcept { return active_; }
  /// The state is in parts, or gone.
  bool importing() const noexcept { return active_ && begun_; }
  std::uint64_t wanted() const noexcept { return wanted_; }
  std::uint64_t restarts() const noexcept { return restarts_; }

  /// The state at `index` or later; `from` is asked first (no_node: any). Whoever is
  /// asked already goes on if he is likely to have it.
  void want(std::int64_t now, std::uint64_t index, cluster::node_id from);
  /// It came otherwise. Not while importing.
  void cancel();
  /// Who may be asked.
  void sources(std::vector<cluster::node_id> nodes) { sources_ = std::move(nodes); }
  /// chunk and refuse.
  void received(std::int64_t now, cluster::node_id from, const transfer_frame& frame);
  void peer_down(std::int64_t now, cluster::node_id peer);
  void tick(std::int64_t now);

 private:
  void begin(std::int64_t now, cluster::node_id from);
  void again(std::int64_t now);
  void ask(std::int64_t now);
  void import_next(std::int64_t now);
  void imported(std::uint64_t transfer, std::uint64_t which, const storage::commit_result& result);

  struct chunk {
    bool last;
    std::string bytes;
  };

  const std::shared_ptr<replication_context> context_;
  const std::shared_ptr<loop_inbox> inbox_;
  const shard_id shard_;
  const outcome told_;
  std::vector<cluster::node_id> sources_;

  bool active_ = false;
  bool begun_ = false;
  std::uint64_t wanted_ = 0;
  cluster::node_id from_ = cluster::no_node;  // no_node: nobody is asked, until retry_at_
  std::int64_t retry_at_ = 0;
  std::uint64_t transfer_ = 0;
  std::uint64_t next_ = 0;  // chunk that is imported next, or being imported
  bool busy_ = false;       // the store has it
  bool last_ = false;       // that is the last one
  std::map<std::uint64_t, chunk> early_;
  std::int64_t heard_ = 0;     // when it went on
  std::int64_t asked_ = 0;
  std::size_t turn_ = 0;  // of sources_
  std::uint64_t restarts_ = 0;
  std::int64_t now_ = 0;
  std::shared_ptr<int> life_ = std::make_shared<int>(0);
};

}  // namespace troupe::replication
