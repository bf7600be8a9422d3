#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/broker/remote/peers.hpp"
#include "storage/replication/shard_replicas.hpp"
#include "storage/store.hpp"

namespace troupe::broker {

/// The store as the actors of a node in a cluster see it: what concerns a shard
/// that this node owns goes to the node's own store, the rest to the owner. So a session need not
/// know where its shard is kept, and goes on when that changes: what was not
/// answered is asked again of the next owner (a transaction of a session may be
/// written twice). Any thread; callbacks on threads of the store or of the links.
class store_front final : public storage::store {
 public:
  /// `own` replicates what it is given for shards that this node owns; `replicas` is where that
  /// comes to be.
  store_front(storage::store& own, storage::shard_replicas& replicas, peers& net);

  // storage::store. Transactions concern one shard.
  void commit(storage::transaction writes, committed done) override;
  void read_owed(session_id id, storage::order_no after, std::uint32_t max_count,
                 std::uint64_t max_bytes,
                 std::function<void(storage::owed_page)> done) override;
  void read_contents(session_id id,
                     std::function<void(storage::session_contents)> done) override;
  void read_contents(session_id id, storage::order_no through,
                     std::function<void(storage::session_contents)> done) override;
  void read_one(session_id id, storage::order_no order,
                std::function<void(std::optional<storage::owed_message>)> done) override;
  /// Of all nodes, one after the other.
  void read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                     std::int64_t now_ms,
                     std::function<void(storage::retained_page)> done) override;
  void each_session(shard_id shard,
                    const std::function<void(storage::session_record)>& visit) override;
  void each_subscription(
      shard_id shard,
      const std::function<void(session_id, storage::subscription_record)>& visit) override;
  std::uint64_t next_offset(shard_id shard) override;
  std::uint64_t next_session_count(shard_id shard) override;
  std::uint16_t shards() const override;
  figures current() const override;
  /// With what waits for other nodes.
  std::uint64_t backlog_bytes() const noexcept override;
  void close() override;

  // --- for session shards that this node owns ---
  /// As shard_replicas::read_directory().
  void read_directory(shard_id shard, std::string cursor,
                      std::function<void(storage::directory_page)> done);
  /// One session with all of its subscriptions; nothing if there is none.
  struct stored_session {
    std::optional<storage::directory_entry> entry;
    bool failed = false;
  };
  void read_session(session_id id, std::function<void(stored_session)> done);
  storage::shard_marks marks(shard_id shard) const { return replicas_.marks(shard); }

  // --- from the dispatcher ---
  void received(cluster::node_id from, const frame_head& head, const std::string& bytes);
  void peer_up(cluster::node_id node, std::uint64_t pairing);
  void peer_down(cluster::node_id node);
  void owner_changed(shard_id shard);
  /// By the session shard: this node knows the sessions of the shard now.
  void serves_now(shard_id shard);
  /// By the session shard of this epoch: all sessions of that node are known, as it has told of
  /// them on this pairing. What others of them write is refused for good.
  void claimed(shard_id shard, std::uint64_t epoch, cluster::node_id by, std::uint64_t pairing);
  void tick();

 private:
  struct question {
    shard_id shard{};
    cluster::node_id to = cluster::no_node;  // of a read of retained messages; else the owner
    frame_kind kind{};
    peer::StoreCommit commit;
    peer::StoreRead read;
    std::function<void(const peer::StoreAnswer*)> answered;  // null: given up
    std::function<void(peer::StorePage*)> page;
    std::size_t bytes = 0;
    unsigned age = 0;
    bool sent = false;
  };

  void ask(question wanted);
  void post(std::uint64_t request, question& q);
  void resend(const std::function<bool(const question&)>& which);
  void begin_again(shard_id shard);
  void serve_own(question asked);
  bool goes_on_elsewhere(session_id session, std::uint64_t life) const;
  void serve(cluster::node_id from, shard_id shard, const peer::StoreCommit& frame);
  void serve(cluster::node_id from, shard_id shard, const peer::StoreRead& frame);
  void read_own_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                         std::int64_t now_ms, std::function<void(storage::retained_page)> done);

  void more_of(std::string cursor, std::shared_ptr<stored_session> found, session_id id,
               std::function<void(stored_session)> done);

  storage::store& own_;
  storage::shard_replicas& replicas_;
  peers& net_;
  std::mutex mutex_;
  std::map<std::uint64_t, question> questions_;  // by request: resent in that order
  std::uint64_t next_request_;
  /// Of commits, by shard: the number of this try to send them. When one is refused, or may be
  /// lost, all come again in their order as the next attempt.
  std::vector<std::uint64_t> attempts_;
  /// Transactions that wait in questions_: what comes now goes behind them.
  std::vector<std::atomic<std::uint32_t>> commits_waiting_;
  /// As the owner, of the commits of a node: the epoch of the attempt at hand, or that it is over.
  struct stream {
    std::uint64_t attempt = 0;
    std::uint64_t epoch = 0;
    bool refused = false;
  };
  std::map<std::pair<cluster::node_id, shard_id>, stream> streams_;
  struct claim {
    std::uint64_t epoch = 0;
    std::uint64_t pairing = 0;
  };
  std::map<std::pair<cluster::node_id, shard_id>, claim> claims_;
  std::map<cluster::node_id, std::uint64_t> pairings_;
  std::atomic<std::uint64_t> waiting_bytes_{0};
  bool closed_ = false;
};

}  // namespace troupe::broker
