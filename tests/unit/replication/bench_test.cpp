#include "actors/replication/replicas.hpp"
#include "storage/raft/rocks_raft_log.hpp"
#include "storage/rocks_store.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

/// Not run by default: `test_replication [bench]`.
namespace troupe::replication::test {
namespace {

using cluster::node_id;
using steady = std::chrono::steady_clock;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/// Hands frames over at once, as bytes.
struct direct_network {
  struct exit final : cluster::network {
    exit(direct_network& of, node_id node) : net(of), self(node) {}
    bool send(node_id to, cluster::frame what) override {
      const auto found = net.nodes.find(to);
      if (found == net.nodes.end()) return false;
      net.frames.fetch_add(1, std::memory_order_relaxed);
      found->second->received(self, what.to, what.bytes);
      return true;
    }
    direct_network& net;
    node_id self;
  };
  std::map<node_id, cluster::network_events*> nodes;
  std::atomic<std::uint64_t> frames{0};
};

struct bench_node final : replication_events {
  bench_node(direct_network& net, node_id self, std::uint16_t shards, const std::string& place)
      : exit(net, self), owners(shards) {
    storage::raft_log_options log_options;
    log_options.directory = place + "/raft-" + std::to_string(number(self));
    auto opened_log = storage::rocks_raft_log::open(log_options);
    REQUIRE(opened_log.value);
    log = std::move(opened_log.value);
    storage::store_options options;
    options.directory = place + "/store-" + std::to_string(number(self));
    options.shards = shards;
    options.replicated = true;
    auto opened = storage::open_store(options);
    REQUIRE(opened.store);
    store = std::move(opened.store);
    runtime::runtime_options run;
    run.on_stopped = [this] { parts->release_handles(); };
    actors = std::make_unique<runtime::test::threaded_system>(1, run);
    replication_settings settings;
    settings.self = self;
    settings.seed = number(self) * 7919;
    parts = std::make_unique<replicas>(actors->sys, exit, *log, *store, *store, *this, settings);
    net.nodes[self] = parts.get();
  }
  ~bench_node() override {
    actors.reset();
    store.reset();
    log.reset();
    parts.reset();
  }
  void owned(shard_id shard, std::uint64_t epoch) override { owners[number(shard)] = epoch; }
  void disowned(shard_id shard, std::uint64_t) override { owners[number(shard)] = 0; }
  void leader_known(shard_id, node_id, std::uint64_t) override {}
  void members_known(shard_id, const cluster::raft::membership&) override {}

  direct_network::exit exit;
  std::vector<std::atomic<std::uint64_t>> owners;
  std::unique_ptr<storage::rocks_raft_log> log;
  std::unique_ptr<storage::rocks_store> store;
  std::unique_ptr<runtime::test::threaded_system> actors;
  std::unique_ptr<replicas> parts;
};

struct bench_cluster {
  bench_cluster(std::size_t count, std::uint16_t shard_count) : shards(shard_count) {
    cluster::raft::membership members;
    for (std::size_t i = 0; i < count; ++i) members.push_back({node_id{i + 1}});
    for (std::size_t i = 0; i < count; ++i)
      nodes.push_back(std::make_unique<bench_node>(net, node_id{i + 1}, shards, place.path));
    for (auto& node : nodes)
      for (std::uint16_t s = 0; s < shards; ++s)
        node->parts->start_group(static_cast<shard_id>(s), members);
    const auto began = steady::now();
    REQUIRE(runtime::test::eventually([&] {
      for (std::uint16_t s = 0; s < shards; ++s)
        if (!owner(s)) return false;
      return true;
    }));
    std::printf("%zu nodes, %u shards: all owned after %.2f s\n", count, shards,
                std::chrono::duration<double>(steady::now() - began).count());
  }
  ~bench_cluster() {
    // Nobody sends to who is gone.
    std::atomic<std::size_t> left{nodes.size()};
    for (auto& node : nodes) node->parts->stop([&] { --left; });
    (void)runtime::test::eventually([&] { return left == 0; });
  }
  bench_node* owner(std::uint16_t shard) {
    for (auto& node : nodes)
      if (node->owners[shard] != 0) return node.get();
    return nullptr;
  }
  storage::test::temporary_directory place;
  direct_network net;
  std::uint16_t shards;
  std::vector<std::unique_ptr<bench_node>> nodes;
};

/// `window` transactions under way, each of one message of 64 bytes that is settled again.
void measure(bench_cluster& cluster, std::size_t window, std::size_t batch, std::size_t total) {
  std::atomic<std::size_t> answered{0};
  std::atomic<std::size_t> failed{0};
  const std::string payload(64, 'x');
  const auto body = storage::test::text("a/topic", payload);
  const auto frames = cluster.net.frames.load();
  std::uint64_t writes = 0;
  for (auto& node : cluster.nodes) writes += node->log->current().writes;
  const auto cpu = cpu_seconds();
  const auto began = steady::now();
  std::size_t given = 0;
  while (given < total) {
    while (given - answered < window && given < total) {
      const auto shard = static_cast<std::uint16_t>(given % cluster.shards);
      auto* owner = cluster.owner(shard);
      if (!owner) continue;
      const session_id to{static_cast<shard_id>(shard), 1 + given / cluster.shards % 100};
      storage::transaction writes_of;
      for (std::size_t i = 0; i < batch; ++i)
        writes_of.owe(to, storage::test::terms_of(), *body, {to.shard(), 0});
      const auto orders = std::make_shared<storage::owed_orders>(writes_of.orders());
      owner->parts->store().commit(std::move(writes_of), [&](const storage::commit_result& r) {
        if (!r.ok && failed++ == 0) std::printf("  first failure: %s\n", r.error.c_str());
        ++answered;
        answered.notify_one();
      });
      ++given;
    }
    const auto seen = answered.load();
    if (given < total && given - seen >= window) answered.wait(seen);
  }
  REQUIRE(runtime::test::eventually([&] { return answered == given; }));
  const auto seconds = std::chrono::duration<double>(steady::now() - began).count();
  const auto spent = cpu_seconds() - cpu;
  std::uint64_t after = 0;
  for (auto& node : cluster.nodes) after += node->log->current().writes;
  std::printf("  window %5zu, %3zu messages each: %8.0f transactions/s, %6.2f us CPU each, %6.2f us "
              "a message, %.2f frames, %.2f log writes each, %zu failed\n",
              window, batch, static_cast<double>(total) / seconds,
              spent * 1e6 / static_cast<double>(total),
              spent * 1e6 / static_cast<double>(total * batch),
              static_cast<double>(cluster.net.frames - frames) / static_cast<double>(total),
              static_cast<double>(after - writes) / static_cast<double>(total), failed.load());
}

}  // namespace

TEST_CASE("transactions a second, and what they cost", "[.bench]") {
  for (const std::size_t nodes : {1, 3}) {
    bench_cluster cluster(nodes, 64);
    measure(cluster, 1, 1, 5000);
    measure(cluster, 100, 1, 50'000);
    measure(cluster, 5000, 1, 200'000);
    measure(cluster, 500, 50, 20'000);
  }
}

TEST_CASE("what idle groups cost", "[.idle]") {
  bench_cluster cluster(3, 64);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const auto cpu = cpu_seconds();
  const auto frames = cluster.net.frames.load();
  std::this_thread::sleep_for(std::chrono::seconds(10));
  std::printf("  idle: %.2f %% of a core for 3 nodes, %.0f frames/s\n",
              (cpu_seconds() - cpu) * 10, static_cast<double>(cluster.net.frames - frames) / 10);
}

}  // namespace troupe::replication::test
