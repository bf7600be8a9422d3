#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <caf/actor_control_block.hpp>

#include "cluster/node_id.hpp"
#include "protocol/mqtt/session_id.hpp"

namespace troupe::broker {

/// What a route holds of a session: enough to choose it, to count what it is
/// owed and to reach its actor if it is awake. Outlives the actor: a durable
/// session whose actor sleeps on disk still has its subscriber in the routes.
/// All members may be used on any thread.
class subscriber : public boost::intrusive_ref_counter<subscriber> {
 public:
  /// `restored`: earlier lives of the node may have left entries, see found().
  subscriber(session_id id, bool durable, bool restored = false, std::string client_id = {})
      : id_(id),
        client_id_(std::move(client_id)),
        kept_(durable),
        durable_(durable),
        counted_(!restored) {}

  /// Of a session that another node announces, in its announcement of that number.
  static boost::intrusive_ptr<subscriber> announced(session_id id, bool kept, cluster::node_id by,
                                                    std::uint64_t announcement = 0) {
    boost::intrusive_ptr<subscriber> made(new subscriber(id, kept));
    made->announcer_.store(number(by), std::memory_order_relaxed);
    made->announcement_ = announcement;
    return made;
  }

  session_id id() const noexcept { return id_; }
  const std::string& client_id() const noexcept { return client_id_; }
  /// Its session outlives its connection, so what it is owed is stored.
  bool durable() const noexcept { return durable_.load(std::memory_order_relaxed); }
  void durable(bool value) noexcept { durable_.store(value, std::memory_order_relaxed); }

  /// Its shard's owner keeps it: it was durable when it began. Others live and
  /// end with the node of their connection.
  bool kept() const noexcept { return kept_; }

  /// The node that announces its routes, none: this one. Messages for a session that is kept go to
  /// the owner of its shard, those for others to this node.
  cluster::node_id announcer() const noexcept {
    return cluster::node_id{announcer_.load(std::memory_order_relaxed)};
  }
  std::uint64_t announcement() const noexcept { return announcement_; }
  /// If it is kept: the epoch in which the owner of its shard last told of it.
  std::uint64_t epoch() const noexcept { return epoch_.load(std::memory_order_relaxed); }
  void epoch(std::uint64_t value) noexcept { epoch_.store(value, std::memory_order_relaxed); }
  bool remote() const noexcept { return announcer_.load(std::memory_order_acquire) != 0; }
  /// Its shard has another owner now.
  void moved_to(cluster::node_id announcer) noexcept {
    announcer_.store(number(announcer), std::memory_order_release);
  }

  /// Where its actor is awake, if not here: as the owner of its shard knows it. Of one that
  /// another node announces: as that node has told with its routes.
  cluster::node_id awake_at() const noexcept {
    return cluster::node_id{awake_at_.load(std::memory_order_acquire)};
  }
  void awake_at(cluster::node_id node) noexcept {
    awake_at_.store(number(node), std::memory_order_release);
  }

  /// In a cluster: the number of the life of its session, from its shard's owner. Who is awake
  /// in an earlier one does not count any more.
  std::uint64_t life() const noexcept { return life_.load(std::memory_order_acquire); }
  void life(std::uint64_t value) noexcept { life_.store(value, std::memory_order_release); }

  /// What is forwarded to where it is awake, from one moment on without a gap; what belongs to
  /// another stream is not taken, as something before it may be lost.
  std::uint64_t stream() const noexcept { return stream_.load(std::memory_order_acquire); }
  void stream(std::uint64_t value) noexcept { stream_.store(value, std::memory_order_release); }

  /// A client is connected: preferred by shared subscriptions.
  bool online() const noexcept { return online_.load(std::memory_order_relaxed); }
  void online(bool value) noexcept { online_.store(value, std::memory_order_relaxed); }

  /// Its queue in memory is full: others of its shared groups come first. Of those that are
  /// durable the store's books say so, see has_room().
  bool full() const noexcept { return full_.load(std::memory_order_relaxed); }
  void full(bool value) noexcept { full_.store(value, std::memory_order_relaxed); }

  /// The session is over: routes to it are on their way out.
  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  void end() noexcept { ended_.store(true, std::memory_order_release); }

  /// Entries that stand in the store for it, for its limits.
  bool has_room(std::uint64_t bytes, std::uint64_t max_count, std::uint64_t max_bytes) const noexcept {
    // As it may be below zero for a moment, see uncount().
    return static_cast<std::int64_t>(owed_.load(std::memory_order_relaxed)) <
               static_cast<std::int64_t>(max_count) &&
           static_cast<std::int64_t>(owed_bytes_.load(std::memory_order_relaxed) + bytes) <=
               static_cast<std::int64_t>(max_bytes);
  }
  void owe(std::uint64_t count, std::uint64_t bytes) noexcept {
    owed_.fetch_add(count, std::memory_order_relaxed);
    owed_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  void settle(std::uint64_t bytes, std::uint64_t count = 1) noexcept {
    owed_.fetch_sub(count, std::memory_order_relaxed);
    owed_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  /// What the store found of earlier lives of the node: added to what this one
  /// owes, once, whoever asks first.
  void found(std::uint64_t count, std::uint64_t bytes) noexcept {
    if (!counted_.exchange(true, std::memory_order_relaxed)) owe(count, bytes);
  }
  /// What was counted is not the whole: the owner of the shard has counted so far. found() is
  /// called again; what is settled before is missed.
  void uncount() noexcept {
    owed_.store(0, std::memory_order_relaxed);
    owed_bytes_.store(0, std::memory_order_relaxed);
    counted_.store(false, std::memory_order_relaxed);
  }
  bool counted() const noexcept { return counted_.load(std::memory_order_relaxed); }
  /// True for one caller until trimmed().
  bool ask_trim() noexcept {
    return !trim_asked_.load(std::memory_order_relaxed) && !trim_asked_.exchange(true);
  }
  void trimmed() noexcept { trim_asked_.store(false); }
  std::uint64_t owed() const noexcept { return not_negative(owed_); }
  std::uint64_t owed_bytes() const noexcept { return not_negative(owed_bytes_); }

  /// The awake session actor, or null.
  caf::strong_actor_ptr actor() const {
    std::lock_guard lock(mutex_);
    return actor_;
  }
  void actor(caf::strong_actor_ptr awake) {
    std::lock_guard lock(mutex_);
    actor_.swap(awake);
  }

  /// That actor is over; a later one stays.
  void gone(const caf::actor_control_block* over) {
    caf::strong_actor_ptr last;  // let go of without the lock
    std::lock_guard lock(mutex_);
    if (actor_.get() == over) last.swap(actor_);
  }

 private:
  static std::uint64_t not_negative(const std::atomic<std::uint64_t>& sum) noexcept {
    const auto value = static_cast<std::int64_t>(sum.load(std::memory_order_relaxed));
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }

  const session_id id_;
  const std::string client_id_;
  const bool kept_;
  std::uint64_t announcement_ = 0;  // set before it is shared
  std::atomic<std::uint64_t> announcer_{0};
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<std::uint64_t> awake_at_{0};
  std::atomic<std::uint64_t> life_{0};
  std::atomic<std::uint64_t> stream_{0};
  std::atomic<bool> durable_;
  std::atomic<bool> online_{false};
  std::atomic<bool> full_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> counted_;
  std::atomic<bool> trim_asked_{false};
  std::atomic<std::uint64_t> owed_{0};
  std::atomic<std::uint64_t> owed_bytes_{0};
  mutable std::mutex mutex_;
  caf::strong_actor_ptr actor_;
};

using subscriber_ptr = boost::intrusive_ptr<subscriber>;

}  // namespace troupe::broker
