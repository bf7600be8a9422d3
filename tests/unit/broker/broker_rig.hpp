#pragma once

#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"
#include "actors/broker/wildcard_index.hpp"
#include "protocol/topics/seeded_hash.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/broker/faulty_store.hpp"
#include "tests/unit/broker/simulated_client.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"
#include "tests/unit/storage/store_fixture.hpp"
#include "tests/unit/storage/volatile_disk.hpp"

#include <map>
#include <memory>
#include <string>

namespace troupe::broker::test {

/// The actors of a node on run loops and a store that the test drives: one
/// seed is one interleaving. Clients live through a crash, their connections do not.
class broker_rig {
 public:
  static constexpr std::uint16_t shards = 4;
  static constexpr unsigned loops = 2;

  explicit broker_rig(std::uint64_t seed = 1) : random(seed) {
    REQUIRE(topics::use_hash_key(1, 2));  // the same order in every table
    start();
  }
  ~broker_rig() { stop(); }
  broker_rig(const broker_rig&) = delete;

  simulated_client& client(const std::string& id) {
    auto& place = clients_[id];
    if (!place) place = std::make_unique<simulated_client>(*node_->context, numbers_, id);
    return *place;
  }
  simulated_client& connected(const std::string& id, connect_terms terms = {}) {
    auto& c = client(id);
    c.connect(terms);
    run();
    REQUIRE(c.open);
    return c;
  }

  /// Until nothing is left to do at this time.
  void run() {
    while (run_some()) {
    }
  }
  /// A few turns of the loops, then perhaps the store. False: nothing was left.
  bool run_some() {
    const auto turns = run_actors(1 + random() % 40);
    if (turns > 0 && random() % 3 != 0) return true;
    return store().pump() > 0 || turns > 0;
  }
  /// The loops alone: the store is slow.
  std::size_t run_actors(std::size_t turns = 1'000'000) {
    return node_->actors.loops().run_until_idle(node_->actors.seed, turns);
  }
  void advance(std::int64_t ms) {
    node_->actors.time.advance(ms);
    run();
  }

  /// `kill -9` and a new start: what was given to the store and not yet
  /// written is lost, what was written is not.
  void crash() {
    for (auto& [id, c] : clients_) c->vanish();
    const auto remains = place_.path + "/" + std::to_string(++lives_);
    std::mt19937 chance(static_cast<unsigned>(random()));
    disk_.remains(directory_, remains, storage::test::volatile_disk::loss::nothing, chance);
    const auto now = node_->actors.time.wall_ms();
    stop();
    std::filesystem::remove_all(directory_);
    directory_ = remains;
    start(now);
  }

  broker_context& context() { return *node_->context; }
  storage::rocks_store& store() { return *node_->store; }
  /// Reads of the store fail from now on, or work again.
  void reads_fail(bool value) { node_->front->reads_fail = value; }
  std::uint64_t count(observe::counter what) const { return node_->counters.sum(what); }

  /// Entries that durable sessions are owed, by the books of the shards.
  std::uint64_t owed() const {
    std::uint64_t sum = 0;
    for (const auto& shard : node_->context->session_shards)
      sum += static_cast<session_shard*>(caf::actor_cast<caf::abstract_actor*>(shard))->look().owed;
    return sum;
  }

  std::mt19937_64 random;
  /// Also for the node after a crash.
  std::shared_ptr<const broker_limits> limits = std::make_shared<broker_limits>();

 private:
  /// Actors go before what they use.
  struct node {
    explicit node(std::uint64_t seed)
        : counters(loops), actors(loops, seed, [this] { context->release_handles(); }) {}
    std::unique_ptr<storage::rocks_store> store;
    std::unique_ptr<faulty_store> front;
    observe::counter_set counters;
    std::unique_ptr<broker_context> context;
    runtime::test::manual_system actors;
  };

  void start(std::int64_t now = 0) {
    node_ = std::make_unique<node>(random());
    auto& n = *node_;
    if (now != 0) n.actors.time.set_wall(now);
    storage::store_options options;
    options.directory = directory_;
    options.shards = shards;
    options.threads = false;
    options.env = &disk_;
    auto opened = storage::open_store(options);
    INFO(opened.error);
    REQUIRE(opened.store);
    n.store = std::move(opened.store);
    n.front = std::make_unique<faulty_store>(*n.store);
    n.context =
        std::make_unique<broker_context>(n.actors.sys, n.actors.loops(), *n.front, n.counters);
    n.context->run_id = random() | 1;
    n.context->limits.set(limits);
    spawn();
    for (auto& [id, c] : clients_) c->moves_to(*n.context);
  }

  void spawn() {
    auto& c = *node_->context;
    auto& sys = node_->actors.sys;
    c.wildcard_index = caf::actor_cast<wildcard_index_actor>(
        runtime::spawn_lean<wildcard_index>(sys, &c.loops.loop(0), c));
    for (std::uint16_t i = 0; i < shards; ++i) {
      const auto shard = static_cast<shard_id>(i);
      c.topic_shards.push_back(caf::actor_cast<topic_shard_actor>(
          runtime::spawn_lean<topic_shard>(sys, nullptr, c, shard, store().next_offset(shard))));
    }
    for (std::uint16_t i = 0; i < shards; ++i) {
      const auto shard = static_cast<shard_id>(i);
      auto handle = runtime::spawn_lean<session_shard>(sys, &c.loops.loop(i % loops), c, shard,
                                                       store().next_session_count(shard));
      c.session_shards.push_back(caf::actor_cast<session_shard_actor>(handle));
      auto& actor = *static_cast<session_shard*>(caf::actor_cast<caf::abstract_actor*>(handle));
      std::map<session_id, std::vector<storage::subscription_record>> subscriptions;
      store().each_subscription(shard, [&](session_id id, storage::subscription_record s) {
        subscriptions[id].push_back(std::move(s));
      });
      store().each_session(shard, [&](storage::session_record r) {
        auto of_it = subscriptions[r.id];
        actor.restore(std::move(r), std::move(of_it), node_->actors.time.wall_ms());
      });
    }
    for (const auto& shard : c.session_shards) tell(shard, wake_session{});
    run();
  }

  void stop() {
    if (!node_) return;
    node_->context->stopping = true;
    for (auto& [id, c] : clients_) c->vanish();
    node_->store->close();
    node_.reset();
  }

  storage::test::temporary_directory place_;
  storage::test::volatile_disk disk_{rocksdb::Env::Default()};
  std::string directory_ = place_.store();
  unsigned lives_ = 0;
  std::unique_ptr<node> node_;
  std::map<std::string, std::unique_ptr<simulated_client>> clients_;
  std::uint64_t numbers_ = 0;
};

}  // namespace troupe::broker::test
