#pragma once

#include "storage/replication/shard_replicas.hpp"
#include "storage/replication/transaction_codec.hpp"
#include "storage/rocks_store.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace troupe::broker::test {

/// The logs of all shards as a perfect Raft would have them: one order of entries for each, taken
/// from its owner alone, and one state that all nodes see. What a dead node had proposed
/// may be in it or not.
class shared_log {
 public:
  shared_log(storage::rocks_store& state, std::uint16_t shards) : state_(state), shards_(shards) {}

  void own(shard_id shard, cluster::node_id node) { shards_[number(shard)].owner = node; }
  cluster::node_id owner(shard_id shard) const { return shards_[number(shard)].owner; }
  storage::rocks_store& state() { return state_; }

  void propose(cluster::node_id by, storage::transaction writes, storage::store::committed done) {
    const auto shard = writes.shard();
    if (!shard || shards_[number(*shard)].owner != by) {
      if (done) done({false, "Not the owner", 0});
      return;
    }
    auto& log = shards_[number(*shard)];
    if (log.index == 0) {
      const auto marks = state_.marks(*shard);
      log.index = marks.index;
      log.next_order = marks.next_order;
    }
    writes.first_order(log.next_order);
    log.next_order += writes.owed();
    // As it would come to the others.
    auto entry = storage::transaction_codec::decode(storage::transaction_codec::encode(writes));
    entry.value.applied(*shard, ++log.index, 1);
    state_.commit(std::move(entry.value), [done = std::move(done)](const auto& result) {
      if (done) done(result);
    });
  }

 private:
  struct log {
    cluster::node_id owner = cluster::no_node;
    std::uint64_t index = 0;
    storage::order_no next_order = 1;
  };
  storage::rocks_store& state_;
  std::vector<log> shards_;
};

/// The store of one node: proposes and reads.
class log_store final : public storage::store {
 public:
  log_store(shared_log& log, cluster::node_id self) : log_(log), self_(self) {}
  bool dead = false;  // its answers reach nobody any more

  void commit(storage::transaction writes, committed done) override {
    log_.propose(self_, std::move(writes), std::move(done));
  }
  void read_owed(session_id id, storage::order_no after, std::uint32_t max_count,
                 std::uint64_t max_bytes, std::function<void(storage::owed_page)> done) override {
    log_.state().read_owed(id, after, max_count, max_bytes, std::move(done));
  }
  void read_contents(session_id id,
                     std::function<void(storage::session_contents)> done) override {
    log_.state().read_contents(id, std::move(done));
  }
  void read_contents(session_id id, storage::order_no through,
                     std::function<void(storage::session_contents)> done) override {
    log_.state().read_contents(id, through, std::move(done));
  }
  void read_one(session_id id, storage::order_no order,
                std::function<void(std::optional<storage::owed_message>)> done) override {
    log_.state().read_one(id, order, std::move(done));
  }
  void read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                     std::int64_t now_ms,
                     std::function<void(storage::retained_page)> done) override {
    log_.state().read_retained(std::move(filter), std::move(cursor), max_count, now_ms,
                               std::move(done));
  }
  void each_session(shard_id, const std::function<void(storage::session_record)>&) override {}
  void each_subscription(
      shard_id, const std::function<void(session_id, storage::subscription_record)>&) override {}
  std::uint64_t next_offset(shard_id shard) override { return log_.state().marks(shard).next_offset; }
  std::uint64_t next_session_count(shard_id shard) override {
    return log_.state().marks(shard).next_session_count;
  }
  std::uint16_t shards() const override { return log_.state().shards(); }
  figures current() const override { return log_.state().current(); }
  std::uint64_t backlog_bytes() const noexcept override { return log_.state().backlog_bytes(); }
  void close() override {}

 private:
  shared_log& log_;
  cluster::node_id self_;
};

}  // namespace troupe::broker::test
