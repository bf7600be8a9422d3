#pragma once

#include "actors/replication/replicas.hpp"
#include "cluster/shard_hash.hpp"
#include "storage/raft/rocks_raft_log.hpp"
#include "storage/rocks_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/replication/dying_disk.hpp"
#include "tests/unit/replication/test_network.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace troupe::replication::test {

using cluster::node_id;

/// Nodes with their logs and stores on manual loops in one process. One seed is one run.
class replica_rig {
 public:
  static constexpr std::uint16_t shards = 3;

  explicit replica_rig(std::uint64_t seed, std::size_t nodes = 3)
      : random(seed), net(random), places_(nodes) {
    for (auto& place : places_) place.disk.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  }
  ~replica_rig() {
    for (std::size_t i = 0; i < places_.size(); ++i) kill(i);
  }

  static node_id id_of(std::size_t i) { return node_id{i + 1}; }
  std::size_t nodes() const { return places_.size(); }
  bool up(std::size_t i) const { return places_[i].running != nullptr; }

  void start_all() {
    for (std::size_t i = 0; i < nodes(); ++i) start(i, all());
  }
  cluster::raft::membership all() const {
    cluster::raft::membership out;
    for (std::size_t i = 0; i < nodes(); ++i) out.push_back({id_of(i)});
    return out;
  }
  void start(std::size_t i, const cluster::raft::membership& members) {
    auto& place = places_[i];
    place.running = std::make_unique<node>(*this, i, *place.disk, random());
    clocks_[i] = now;
    for (std::uint16_t s = 0; s < shards; ++s)
      place.running->parts->start_group(static_cast<shard_id>(s), members);
  }
  /// `kill -9`: what it had written stays.
  void kill(std::size_t i) {
    auto& place = places_[i];
    if (!place.running) return;
    place.running->dead = true;
    place.running->disk.kill();
    // It learns now that it cannot write, lest RocksDB tries again and again to flush when it is closed.
    storage::transaction late;
    late.applied(static_cast<shard_id>(0), ~std::uint64_t{0} >> 1, 1);
    place.running->store->commit(std::move(late), nullptr);
    while (place.running->store->current().writable && place.running->store->pump() > 0) {
    }
    net.leave(id_of(i));
    for (std::uint16_t s = 0; s < shards; ++s) place.running->epochs[s] = 0;
    place.running.reset();
  }
  /// Its data are gone too.
  void wipe(std::size_t i) {
    kill(i);
    places_[i].disk.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  }

  /// As SIGSTOP would; time is lost to it.
  void hold(std::size_t i, bool still) { places_[i].still = still; }

  struct node final : replication_events {
    node(replica_rig& of, std::size_t i, rocksdb::Env& kept, std::uint64_t seed)
        : rig(of), index(i), disk(&kept), late{}, actors(std::make_unique<runtime::test::manual_system>(
                                            2, seed, [this] { parts->release_handles(); })) {
      storage::raft_log_options log_options;
      log_options.directory = "/raft";
      log_options.threads = false;
      log_options.env = &disk;
      log_options.write_buffer_bytes = 1 << 20;
      auto opened_log = storage::rocks_raft_log::open(log_options);
      INFO(opened_log.error);
      REQUIRE(opened_log.value);
      log = std::move(opened_log.value);
      storage::store_options options;
      options.directory = "/store";
      options.shards = shards;
      options.replicated = true;
      options.threads = false;
      options.env = &disk;
      options.cache_bytes = 1 << 20;
      auto opened = storage::open_store(options);
      INFO(opened.error);
      REQUIRE(opened.store);
      store = std::move(opened.store);
      parts = std::make_unique<replicas>(actors->sys, of.net.join(id_of(i), late), *log, *store,
                                         *store, *this, of.settings(i, seed));
      late.to = parts.get();
    }
    ~node() override {
      actors.reset();
      store.reset();
      log.reset();
      parts.reset();
    }

    void owned(shard_id shard, std::uint64_t epoch) override {
      const auto [at, first] = rig.owners.try_emplace({number(shard), epoch}, id_of(index));
      if (!first && at->second != id_of(index)) rig.violate("two owners of an epoch");
      epochs[number(shard)] = epoch;
      offsets[number(shard)] = store->marks(shard).next_offset;
    }
    void disowned(shard_id shard, std::uint64_t epoch) override {
      if (epochs[number(shard)] != epoch && !dead) rig.violate("disowned what it did not own");
      epochs[number(shard)] = 0;
    }
    void leader_known(shard_id shard, node_id leader, std::uint64_t) override {
      if (epochs[number(shard)] != 0 && leader != id_of(index) && leader != cluster::no_node)
        rig.violate("another leader is known before it was disowned");
    }
    void members_known(shard_id, const cluster::raft::membership&) override {}

    struct late_events final : cluster::network_events {
      cluster::network_events* to = nullptr;
      void peer_up(node_id n, std::uint64_t p) override {
        if (to) to->peer_up(n, p);
      }
      void peer_down(node_id n, std::uint64_t p) override {
        if (to) to->peer_down(n, p);
      }
      void received(node_id n, cluster::channel c, std::string_view b) override {
        if (to) to->received(n, c, b);
      }
    };

    replica_rig& rig;
    const std::size_t index;
    bool dead = false;
    std::map<std::uint16_t, std::uint64_t> epochs;  // that it owns; 0: not
    std::map<std::uint16_t, std::uint64_t> offsets;  // next of the log of bodies
    dying_disk disk;
    late_events late;
    std::unique_ptr<runtime::test::manual_system> actors;
    std::unique_ptr<storage::rocks_raft_log> log;
    std::unique_ptr<storage::rocks_store> store;
    std::unique_ptr<replicas> parts;
  };
  node& at(std::size_t i) { return *places_[i].running; }

  /// The node that says that it owns the shard, with the highest epoch.
  std::optional<std::size_t> owner(std::uint16_t shard) {
    std::optional<std::size_t> best;
    std::uint64_t epoch = 0;
    for (std::size_t i = 0; i < nodes(); ++i) {
      if (!up(i) || at(i).epochs[shard] <= epoch) continue;
      epoch = at(i).epochs[shard];
      best = i;
    }
    return best;
  }

  /// Some milliseconds, in which every node does something or not.
  void step() {
    now += 2 + static_cast<std::int64_t>(random() % 10);
    for (unsigned round = 0; round < 2; ++round) {
      for (std::size_t n = 0; n < nodes(); ++n) {
        const auto i = (n + random()) % nodes();
        if (!up(i) || places_[i].still) continue;
        auto& x = at(i);
        const auto late = now - clocks_[i];
        if (late > 0 && random() % 4 != 0) {
          x.actors->time.advance(late);
          clocks_[i] = now;
        }
        x.actors->loops().run_until_idle(x.actors->seed, random() % 4 == 0 ? random() % 20 : 400);
        if (random() % 4 != 0) x.log->pump();
        if (random() % 4 != 0) x.store->pump();
      }
    }
    net.advance(now);
  }
  void run(std::int64_t ms) {
    for (const auto end = now + ms; now < end && !failed();) step();
  }
  template <class Condition>
  bool run_until(Condition done, std::int64_t most_ms = 20'000) {
    for (const auto end = now + most_ms; now < end && !failed(); step()) {
      if (done()) return true;
    }
    return done();
  }
  /// All alive, all owned, all applied the same, as they said within the last second.
  bool settled() {
    std::vector<std::vector<shard_row>> rows;
    for (std::size_t i = 0; i < nodes(); ++i) {
      if (!up(i)) return false;
      rows.push_back(at(i).parts->rows());
      if (rows.back().size() != shards) return false;
    }
    for (std::uint16_t s = 0; s < shards; ++s) {
      if (!owner(s)) return false;
      const auto& first = rows[0][s].group;
      for (const auto& all_of : rows) {
        const auto& row = all_of[s];
        if (!row.running || row.fetching || row.entries > 0 || row.group.committed != first.committed ||
            row.group.last != first.committed) {
          return false;
        }
      }
    }
    return true;
  }
  storage::shard_checksum checksum(std::size_t i, std::uint16_t shard) {
    std::optional<storage::shard_checksum> got;
    at(i).store->read_checksum(static_cast<shard_id>(shard),
                               [&](storage::shard_checksum sum) { got = sum; });
    while (!got && at(i).store->pump() > 0) {
    }
    REQUIRE(got);
    return *got;
  }

  replication_settings settings(std::size_t i, std::uint64_t seed) const {
    replication_settings out;
    out.self = id_of(i);
    out.seed = seed;
    out.group.election_timeout_ms = 200;
    out.group.heartbeat_ms = 50;
    out.group.snapshot_entries = snapshot_entries;
    out.group.snapshot_bytes = 64 << 10;
    out.group.trailing_entries = 4;
    out.group.trailing_bytes = 4 << 10;
    out.group.retained_entries = 100;
    out.group.retained_bytes = 32 << 10;
    out.group.message_bytes = 4000;
    out.group.in_flight_bytes = 20'000;
    out.store_window = 3000;
    out.entry_bytes = 600;
    out.ask_again_ms = 150;
    out.transfer_silence_ms = 1000;
    out.restart_ms = 200;
    out.restart_most_ms = 1000;
    out.threads = false;
    out.report = [this](std::string_view sentence) { reports.emplace_back(sentence); };
    return out;
  }

  void violate(std::string what) {
    if (violation.empty()) violation = std::move(what);
  }
  static std::string followers_of(const shard_row& row) {
    std::string out;
    for (const auto& one : row.group.followers)
      out += " [" + std::to_string(number(one.node)) + " role " +
             std::to_string(static_cast<int>(one.role)) + " match " + std::to_string(one.match) +
             (one.snapshot ? " snapshot]" : "]");
    return out + " members " + std::to_string(row.group.followers.size());
  }
  /// Where the nodes stand, for people.
  std::string describe() {
    std::string out;
    for (std::size_t i = 0; i < nodes(); ++i) {
      out += "node " + std::to_string(i + 1) + (up(i) ? "" : " down") + "\n";
      if (!up(i)) continue;
      for (const auto& row : at(i).parts->rows()) {
        const auto marks = at(i).store->marks(row.shard);
        out += "  shard " + std::to_string(number(row.shard)) + " role " +
               std::to_string(static_cast<int>(row.group.role)) + " term " +
               std::to_string(row.group.term) + " owned " + std::to_string(at(i).epochs[number(row.shard)]) +
               " log " + std::to_string(row.group.first) + "-" + std::to_string(row.group.last) +
               " committed " + std::to_string(row.group.committed) + " group applied " +
               std::to_string(row.group.applied) + " store " + std::to_string(marks.index) +
               (marks.incomplete ? " incomplete" : "") + (row.fetching ? " fetching" : "") +
               (row.running ? "" : " not running") + followers_of(row) + " snapshot " + std::to_string(row.group.snapshot) +
               " " + row.trouble + "\n";
      }
    }
    for (std::size_t i = reports.size() - std::min<std::size_t>(reports.size(), 5); i < reports.size(); ++i)
      out += reports[i] + "\n";
    return out;
  }
  bool failed() const { return !violation.empty(); }

  std::mt19937_64 random;
  test_network net;
  std::int64_t now = 0;
  std::uint32_t snapshot_entries = 20;
  std::string violation;
  mutable std::vector<std::string> reports;
  std::map<std::pair<std::uint16_t, std::uint64_t>, node_id> owners;

 private:
  struct machine {
    std::unique_ptr<rocksdb::Env> disk;
    std::unique_ptr<node> running;
    bool still = false;
  };
  std::vector<machine> places_;
  std::map<std::size_t, std::int64_t> clocks_;
};

}  // namespace troupe::replication::test
