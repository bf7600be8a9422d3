#pragma once

#include "actors/replication/loop_inbox.hpp"
#include "actors/replication/replication_events.hpp"
#include "actors/replication/settings.hpp"
#include "actors/replication/shard_gate.hpp"
#include "cluster/network.hpp"
#include "storage/raft/raft_log.hpp"
#include "storage/replication/shard_replicas.hpp"
#include "storage/store.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace troupe::replication {

/// What the parts of a node's replication share. Outlives the actors; what it refers to outlives
/// everything that is given to it.
struct replication_context {
  replication_context(replication_settings with, cluster::network& network, storage::raft_log& log,
                      storage::store& local, storage::shard_replicas& replicas,
                      replication_events& told, unsigned loops)
      : settings(std::move(with)),
        net(network),
        raft_log(log),
        store(local),
        shards_of_store(replicas),
        events(told),
        gates(local.shards()) {
    for (unsigned i = 0; i < loops; ++i)
      inboxes.push_back(std::make_shared<loop_inbox>(settings.inbox_bytes));
  }

  const replication_settings settings;
  cluster::network& net;
  storage::raft_log& raft_log;
  storage::store& store;
  storage::shard_replicas& shards_of_store;
  replication_events& events;

  std::vector<shard_gate> gates;                       // by shard
  std::vector<std::shared_ptr<loop_inbox>> inboxes;    // by run loop
  std::atomic<std::uint64_t> pending_bytes{0};         // commits without an answer
  std::atomic<std::size_t> waiting_reads{0};
  std::atomic<std::uint64_t> transfers{0};             // begun by this node
  std::atomic<bool> closed{false};

  shard_gate& gate(shard_id shard) { return gates[number(shard)]; }
  loop_inbox& inbox(shard_id shard) { return *inboxes[number(shard) % inboxes.size()]; }
  static cluster::raft::group_no group_of(shard_id shard) { return number(shard) + 1U; }
  void report(std::string_view sentence) const {
    if (settings.report) settings.report(sentence);
  }
};

}  // namespace troupe::replication
