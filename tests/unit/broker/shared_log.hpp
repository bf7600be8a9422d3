#pragma once

#include "storage/replication/shard_replicas.hpp"
#include "storage/replication/transaction_codec.hpp"
#include "storage/rocks_store.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe::broker::test {

/// The logs of all shards as Raft would have them: one order of entries for each, taken
/// from its owner alone, and one state that all nodes see. When the owner changes, what it had
/// proposed last is in the log up to some entry, and the rest is lost.
class shared_log {
 public:
  shared_log(storage::rocks_store& state, std::uint16_t shards, std::mt19937_64& random)
      : state_(state), random_(random), shards_(shards) {}

  /// A new owner has applied all that is in the log.
  void own(shard_id shard, cluster::node_id node, std::uint64_t epoch) {
    auto& log = shards_[number(shard)];
    const auto kept = log.proposed.empty() ? 0 : random_() % (log.proposed.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) apply(shard);
    while (state_.pump() > 0) {
    }
    for (auto& lost : std::exchange(log.proposed, {}))
      if (lost.done) lost.done({false, "Lost", 0, true});
    log.owner = node;
    log.epoch = epoch;
  }
  cluster::node_id owner(shard_id shard) const { return shards_[number(shard)].owner; }
  storage::rocks_store& state() { return state_; }

  void propose(cluster::node_id by, storage::transaction writes, storage::store::committed done) {
    const auto shard = writes.shard();
    const bool old = shard && writes.epoch() != 0 && writes.epoch() != shards_[number(*shard)].epoch;
    if (!shard || shards_[number(*shard)].owner != by || old) {
      if (done) done({false, "Not the owner", 0, true});
      return;
    }
    auto& log = shards_[number(*shard)];
    if (lying && done) std::exchange(done, nullptr)({true, {}, next_order_of(*shard)});
    log.proposed.push_back({std::move(writes), std::move(done)});
  }
  /// A fault for tests of tests: it answers what may still be lost.
  bool lying = false;
  /// An entry or so of some shard is committed, and applied. False: there was none.
  bool step() {
    std::vector<std::uint16_t> busy;
    for (std::uint16_t s = 0; s < shards_.size(); ++s)
      if (!shards_[s].proposed.empty()) busy.push_back(s);
    if (busy.empty()) return state_.pump() > 0;
    const auto shard = static_cast<shard_id>(busy[random_() % busy.size()]);
    for (auto n = 1 + random_() % 4; n > 0 && !shards_[number(shard)].proposed.empty(); --n)
      apply(shard);
    if (random_() % 2 == 0) state_.pump();
    return true;
  }
  /// All that was proposed for the shard so far, for who reads it at its owner.
  void apply_all(shard_id shard) {
    while (!shards_[number(shard)].proposed.empty()) apply(shard);
  }

 private:
  struct proposal {
    storage::transaction writes;
    storage::store::committed done;
  };
  struct log {
    cluster::node_id owner = cluster::no_node;
    std::uint64_t epoch = 0;
    std::uint64_t index = 0;
    storage::order_no next_order = 1;
    std::deque<proposal> proposed;
  };

  /// Where what is proposed now would begin.
  storage::order_no next_order_of(shard_id shard) const {
    const auto& log = shards_[number(shard)];
    auto next = log.index == 0 ? state_.marks(shard).next_order : log.next_order;
    for (const auto& each : log.proposed) next += each.writes.owed();
    return next;
  }
  void apply(shard_id shard) {
    auto& log = shards_[number(shard)];
    auto next = std::move(log.proposed.front());
    log.proposed.pop_front();
    if (log.index == 0) {
      const auto marks = state_.marks(shard);
      log.index = marks.index;
      log.next_order = marks.next_order;
    }
    next.writes.first_order(log.next_order);
    log.next_order += next.writes.owed();
    // As it would come to the others.
    auto entry = storage::transaction_codec::decode(storage::transaction_codec::encode(next.writes));
    entry.value.applied(shard, ++log.index, 1);
    state_.commit(std::move(entry.value), [done = std::move(next.done)](const auto& result) {
      if (done) done(result);
    });
  }

  storage::rocks_store& state_;
  std::mt19937_64& random_;
  std::vector<log> shards_;
};

/// Callbacks of a node that may die before they are called: then they go at once, with what
/// they hold.
class mortal_callbacks {
 public:
  template <class Argument>
  std::function<void(Argument)> wrap(std::function<void(Argument)> call) {
    if (!call) return nullptr;
    if (!all_) return [](Argument) {};
    auto kept = std::make_shared<std::function<void(Argument)>>(std::move(call));
    all_->insert(kept);
    return [alive = std::weak_ptr(all_), weak = std::weak_ptr(kept)](Argument x) {
      const auto all = alive.lock();
      auto kept_call = weak.lock();
      if (!all || !kept_call) return;
      all->erase(kept_call);
      (*kept_call)(std::move(x));
    };
  }
  void die() { all_ = nullptr; }

 private:
  std::shared_ptr<std::set<std::shared_ptr<void>>> all_ =
      std::make_shared<std::set<std::shared_ptr<void>>>();
};

/// The store of one node: proposes and reads.
class log_store final : public storage::store, public storage::shard_replicas {
 public:
  log_store(shared_log& log, cluster::node_id self) : log_(log), self_(self) {}
  /// Nobody is there any more who could be told anything.
  void die() { calls_.die(); }

  void commit(storage::transaction writes, committed done) override {
    log_.propose(self_, std::move(writes), calls_.wrap<const storage::commit_result&>(std::move(done)));
  }
  void read_owed(session_id id, storage::order_no after, std::uint32_t max_count,
                 std::uint64_t max_bytes, std::function<void(storage::owed_page)> done) override {
    log_.apply_all(id.shard());
    log_.state().read_owed(id, after, max_count, max_bytes, calls_.wrap(std::move(done)));
  }
  void read_contents(session_id id,
                     std::function<void(storage::session_contents)> done) override {
    log_.apply_all(id.shard());
    log_.state().read_contents(id, calls_.wrap(std::move(done)));
  }
  void read_contents(session_id id, storage::order_no through,
                     std::function<void(storage::session_contents)> done) override {
    log_.apply_all(id.shard());
    log_.state().read_contents(id, through, calls_.wrap(std::move(done)));
  }
  void read_one(session_id id, storage::order_no order,
                std::function<void(std::optional<storage::owed_message>)> done) override {
    log_.apply_all(id.shard());
    log_.state().read_one(id, order, calls_.wrap(std::move(done)));
  }
  void read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                     std::int64_t now_ms,
                     std::function<void(storage::retained_page)> done) override {
    log_.state().read_retained(std::move(filter), std::move(cursor), max_count, now_ms,
                               calls_.wrap(std::move(done)));
  }
  storage::shard_marks marks(shard_id shard) const override { return log_.state().marks(shard); }
  void read_directory(shard_id shard, std::string cursor, std::uint32_t max_count,
                      std::function<void(storage::directory_page)> done) override {
    log_.state().read_directory(shard, std::move(cursor), max_count, calls_.wrap(std::move(done)));
  }
  void export_shard(shard_id, exporting) override {}
  void import_chunk(shard_id, std::string, committed) override {}
  void drop_shard(shard_id, committed) override {}
  void read_checksum(shard_id, std::function<void(storage::shard_checksum)>) override {}
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
  mortal_callbacks calls_;
};

}  // namespace troupe::broker::test
