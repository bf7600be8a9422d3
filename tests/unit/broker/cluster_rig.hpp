#pragma once

#include "actors/broker/inspect/directory_walk.hpp"
#include "actors/broker/remote/dispatcher.hpp"
#include "actors/broker/remote/store_front.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"
#include "actors/broker/wildcard_index.hpp"
#include "protocol/topics/seeded_hash.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/broker/shared_log.hpp"
#include "tests/unit/broker/simulated_client.hpp"
#include "tests/unit/broker/simulated_net.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace troupe::broker::test {

/// The broker's actors of several nodes in one process; links, owners and the replicated logs are
/// the test's. One seed is one interleaving. Shards get other owners when a node dies.
class cluster_rig {
 public:
  static constexpr std::uint16_t shards = 4;
  static constexpr unsigned loops = 2;

  explicit cluster_rig(std::size_t count, std::uint64_t seed = 1)
      : random(seed), net(random) {
    REQUIRE(topics::use_hash_key(1, 2));
    storage::store_options options;
    options.directory = place_.store();
    options.shards = shards;
    options.threads = false;
    options.replicated = true;
    auto opened = storage::open_store(options);
    INFO(opened.error);
    REQUIRE(opened.store);
    state_ = std::move(opened.store);
    log_ = std::make_unique<shared_log>(*state_, shards, random);
    nodes_.resize(count);
    for (std::size_t i = 0; i < count; ++i) start(i);
    for (std::uint16_t s = 0; s < shards; ++s) give(s, s % count);
    run();
  }
  ~cluster_rig() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) kill(i);
    state_->close();
  }
  cluster_rig(const cluster_rig&) = delete;

  // --- nodes ----------------------------------------------------------------------
  std::size_t size() const { return nodes_.size(); }
  bool alive(std::size_t i) const { return nodes_[i] != nullptr; }
  std::size_t living() const {
    return static_cast<std::size_t>(
        std::count_if(nodes_.begin(), nodes_.end(), [](const auto& n) { return n != nullptr; }));
  }
  static cluster::node_id id_of(std::size_t i) { return cluster::node_id{i + 1}; }
  broker_context& context(std::size_t i) { return *nodes_[i]->context; }
  /// How all groups choose, also on nodes that start later.
  void share_by(share_strategy strategy) {
    auto rules = std::make_shared<sharing_rules>();
    rules->strategy = strategy;
    sharing_ = rules;
    for (auto& n : nodes_)
      if (n) n->context->sharing.set(sharing_);
  }

  void start(std::size_t i) {
    nodes_[i] = std::make_unique<node>(*this, i, random());
    if (now_ != 0) nodes_[i]->actors.time.set_wall(now_);
    nodes_[i]->spawn(*this);
    for (auto& [id, c] : clients_)
      if (c.at == i) c.device->moves_to(*nodes_[i]->context);
    for (std::uint16_t s = 0; s < shards; ++s)
      if (owners_[s].epoch != 0) tell_later(i, s, owners_[s]);
  }
  /// `kill -9`: its clients lose their connections, the others see its links break.
  void kill(std::size_t i) {
    if (!nodes_[i]) return;
    for (auto& [id, c] : clients_) c.device->vanish(*nodes_[i]->context);
    net.leave(id_of(i));
    auto dying = std::move(nodes_[i]);
    dying->own->die();
    dying->context->stopping = true;
    dying.reset();
    for (std::uint16_t s = 0; s < shards; ++s)
      if (owners_[s].node == id_of(i)) give_to(s, cluster::no_node);
  }
  /// The shard gets this owner, with the next epoch.
  void give(std::uint16_t shard, std::size_t i) { give_to(shard, id_of(i)); }
  void give_to(std::uint16_t shard, cluster::node_id to) {
    auto& o = owners_[shard];
    if (to != cluster::no_node) ++o.epoch;
    o.node = to;
    log_->own(static_cast<shard_id>(shard), to, o.epoch);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i]) tell_later(i, shard, o);
  }
  /// The node loses sight of all others. It learns no more of owners than that those that it does
  /// not hear are none, and neither does it own anything itself.
  void isolate(std::size_t i) {
    isolated_.insert(i);
    for (std::size_t other = 0; other < nodes_.size(); ++other)
      if (other != i) net.cut(id_of(i), id_of(other));
    // Its own groups step down before it takes the others for gone.
    for (const bool own : {true, false})
      for (std::uint16_t s = 0; s < shards; ++s)
        if (own == (owners_[s].node == id_of(i)))
          news_.push_back({i, s, {cluster::no_node, owners_[s].epoch}});
    for (std::uint16_t s = 0; s < shards; ++s)
      if (owners_[s].node == id_of(i)) give_to(s, cluster::no_node);
  }
  /// As membership tells it, a while after isolate().
  void knows_that_it_is_cut_off(std::size_t i) {
    nodes_[i]->dispatch->majority_changed(false);
  }
  bool isolated(std::size_t i) const { return isolated_.contains(i); }
  /// All hear each other again, and of who owns what.
  void join_again() {
    net.heal();
    for (const auto i : std::exchange(isolated_, {})) {
      if (!nodes_[i]) continue;
      for (std::uint16_t s = 0; s < shards; ++s)
        if (owners_[s].epoch != 0) news_.push_back({i, s, owners_[s]});
      nodes_[i]->dispatch->majority_changed(true);
    }
  }
  bool owned(std::uint16_t shard) const { return owners_[shard].node != cluster::no_node; }

  // --- clients --------------------------------------------------------------------
  simulated_client& client(const std::string& id, std::size_t at = 0) {
    auto& place = clients_[id];
    if (!place.device) {
      place.device = std::make_unique<simulated_client>(*nodes_[at]->context, numbers_, id);
      place.at = at;
    }
    return *place.device;
  }
  std::size_t where(const std::string& id) { return clients_[id].at; }
  /// Connects it to that node, whichever it was at before.
  simulated_client& connect(const std::string& id, std::size_t at, connect_terms terms = {}) {
    auto& c = client(id, at);
    if (clients_[id].at != at) {
      if (nodes_[clients_[id].at]) c.cut();
      c.moves_to(*nodes_[at]->context);
      clients_[id].at = at;
    }
    c.connect(terms);
    return c;
  }

  /// As an administrator sees it at the node of its client.
  client_view look(const std::string& id) {
    client_view seen;
    bool done = false;
    session_looks looks;
    looks.awake = [&](const session& s) { seen = s.look(); };
    find_session(*nodes_[where(id)]->context, id, std::move(looks), [&](bool) { done = true; });
    run();
    CHECK(done);
    CHECK(seen.client_id == id);
    return seen;
  }

  // --- time -----------------------------------------------------------------------
  bool run_some() {
    bool did = false;
    const auto which = random() % 8;
    if (which < 5) {
      const auto i = random() % nodes_.size();
      if (nodes_[i]) did = nodes_[i]->run(1 + random() % 40) > 0;
    } else if (which == 5) {
      did = net.step();
    } else if (which == 6) {
      did = log_->step();
    } else {
      did = hear();
    }
    return did;
  }
  /// Until nothing is left to do at this time.
  void run() {
    for (bool more = true; more;) {
      more = false;
      for (auto& n : nodes_)
        if (n) more = n->run(1'000'000) > 0 || more;
      while (net.step()) more = true;
      while (log_->step()) more = true;
      while (hear()) more = true;
    }
  }
  void advance(std::int64_t ms) {
    for (; ms > 0; ms -= 500) {
      for (auto& n : nodes_) {
        if (!n) continue;
        n->actors.time.advance(std::min<std::int64_t>(ms, 500));
        now_ = n->actors.time.wall_ms();
      }
      if ((half_seconds_++ & 1) != 0)
        for (auto& n : nodes_)
          if (n) n->dispatch->tick();
      run();
    }
  }

  /// Its wall clock is set anew; what its actors measure goes on.
  void clock_jumps(std::size_t i, std::int64_t ms) {
    nodes_[i]->actors.time.set_wall(nodes_[i]->actors.time.wall_ms() + ms);
  }

  std::uint64_t count(observe::counter what) const {
    std::uint64_t sum = 0;
    for (const auto& n : nodes_)
      if (n) sum += n->counters.sum(what);
    return sum;
  }

  shared_log& log() { return *log_; }

  std::mt19937_64 random;
  simulated_net net;

 private:
  struct late_events final : cluster::network_events {
    cluster::network_events* to = nullptr;
    void peer_up(cluster::node_id n, std::uint64_t p) override { to->peer_up(n, p); }
    void peer_down(cluster::node_id n, std::uint64_t p) override { to->peer_down(n, p); }
    void received(cluster::node_id n, cluster::channel c, std::string_view b) override {
      to->received(n, c, b);
    }
  };
  /// Actors go before what they use.
  struct node {
    node(cluster_rig& rig, std::size_t i, std::uint64_t seed)
        : self(id_of(i)),
          counters(loops),
          actors(loops, seed, [this] { context->release_handles(); }) {
      auto& network = rig.net.join(self, events);
      net = std::make_unique<peers>(self, network, shards, seed);
      own = std::make_unique<log_store>(*rig.log_, self);
      front = std::make_unique<store_front>(*own, *own, *net);
      context = std::make_unique<broker_context>(actors.sys, actors.loops(), *front, counters);
      context->remote = net.get();
      context->front = front.get();
      context->run_id = seed | 1;
      context->limits.set(std::make_shared<broker_limits>());
      if (rig.sharing_) context->sharing.set(rig.sharing_);
      dispatch = std::make_unique<dispatcher>(*context, *front);
      events.to = dispatch.get();
    }
    void spawn(cluster_rig&) {
      auto& c = *context;
      c.wildcard_index = caf::actor_cast<wildcard_index_actor>(
          runtime::spawn_lean<wildcard_index>(actors.sys, &c.loops.loop(0), c));
      for (std::uint16_t s = 0; s < shards; ++s)
        c.topic_shards.push_back(caf::actor_cast<topic_shard_actor>(
            runtime::spawn_lean<topic_shard>(actors.sys, nullptr, c, static_cast<shard_id>(s), 1)));
      for (std::uint16_t s = 0; s < shards; ++s)
        c.session_shards.push_back(
            caf::actor_cast<session_shard_actor>(runtime::spawn_lean<session_shard>(
                actors.sys, &c.loops.loop(s % loops), c, static_cast<shard_id>(s), 1)));
    }
    std::size_t run(std::size_t turns) { return actors.loops().run_until_idle(actors.seed, turns); }

    cluster::node_id self;
    late_events events;
    observe::counter_set counters;
    std::unique_ptr<peers> net;
    std::unique_ptr<log_store> own;
    std::unique_ptr<store_front> front;
    std::unique_ptr<broker_context> context;
    std::unique_ptr<dispatcher> dispatch;
    runtime::test::manual_system actors;
  };
  struct placed {
    std::unique_ptr<simulated_client> device;
    std::size_t at = 0;
  };
  struct news {
    std::size_t to;
    std::uint16_t shard;
    shard_owner owner;
  };

  void tell_later(std::size_t to, std::uint16_t shard, shard_owner owner) {
    if (!isolated_.contains(to)) news_.push_back({to, shard, owner});
  }
  /// A node hears of an owner; in order for each of them.
  bool hear() {
    if (news_.empty()) return false;
    const auto first = news_[random() % news_.size()].to;
    auto it = std::find_if(news_.begin(), news_.end(), [&](const news& n) { return n.to == first; });
    const auto next = *it;
    news_.erase(it);
    if (nodes_[next.to])
      nodes_[next.to]->dispatch->owner_changed(static_cast<shard_id>(next.shard), next.owner);
    return true;
  }

  storage::test::temporary_directory place_;
  std::unique_ptr<storage::rocks_store> state_;
  std::unique_ptr<shared_log> log_;
  std::vector<std::unique_ptr<node>> nodes_;
  std::vector<shard_owner> owners_ = std::vector<shard_owner>(shards);
  std::vector<news> news_;
  std::shared_ptr<const sharing_rules> sharing_;
  std::set<std::size_t> isolated_;
  std::map<std::string, placed> clients_;
  std::uint64_t numbers_ = 0;
  std::int64_t now_ = 0;
  unsigned half_seconds_ = 0;
};

}  // namespace troupe::broker::test
