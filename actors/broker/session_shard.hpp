#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"

namespace troupe::broker {

struct session_birth;

/// The directory of the client ids of one shard: one session for each, awake
/// as an actor or asleep on disk. It alone starts sessions and forgets them.
///
///     absent --open--> awake --resting--> asleep --open, will--> awake
///     awake --ended--> absent        asleep --expired, clean start--> absent
///
/// A session that ended or rests sends back what was addressed to it before it
/// was forgotten (reopen), so that no CONNECT is ever lost between two states.
/// Lives as long as the node, on one run loop.
class session_shard final : public runtime::lean_actor, private runtime::timer_entry {
 public:
  session_shard(caf::actor_config& cfg, broker_context& context, shard_id shard,
                std::uint64_t next_count);
  const char* name() const override { return "session_shard"; }

  /// Before the run loops start: a session found in the store, asleep.
  void restore(storage::session_record record,
               std::vector<storage::subscription_record> subscriptions, std::int64_t now);

  /// What its sessions are at this moment.
  struct figures {
    std::uint64_t asleep = 0;      // on disk alone
    std::uint64_t owed = 0;        // entries of durable sessions in the store
    std::uint64_t owed_bytes = 0;  // of their messages
    std::uint64_t mailbox = 0;     // messages in the mailboxes of those awake
    std::uint64_t deepest = 0;     // in the fullest of them
  };
  /// Walks the directory: about 0.2 us for each session. In the shard's own turn.
  figures look() const;

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  struct entry {
    subscriber_ptr who;
    caf::strong_actor_ptr awake;  // null: asleep
    storage::session_record record;  // asleep
    std::vector<storage::subscription_record> subscriptions;  // asleep
  };
  struct expiry {
    std::int64_t at;
    session_id id;
    std::string client_id;
    bool operator>(const expiry& other) const noexcept { return at > other.at; }
  };
  using directory = std::unordered_map<std::string, entry>;

  void open(const connect_order_ptr& order);
  void start(entry& e, session_birth birth, unsigned loop);
  void wake_up(entry& e, unsigned loop);
  void discard(entry& e);
  void erase_sleeping(entry& e);
  void trim(const subscriber_ptr& whose);
  static bool in_shared_group(const entry& e);
  void ended(const session_ended& message);
  void resting(session_resting& message);
  void failed(const caf::down_msg& down);
  void plan_expiry(const entry& e);
  void expire();
  void on_timer() override;
  void arm();
  /// After a start: counts what sleeping sessions are owed, one after the other.
  void count_next();

  broker_context& context_;
  directory sessions_;
  std::priority_queue<expiry, std::vector<expiry>, std::greater<>> expiries_;
  std::vector<std::string> due_wills_;  // of sessions that were connected when the node died
  std::vector<entry> superseded_;       // of the restored: their client has a newer one
  std::vector<subscriber_ptr> uncounted_;
  std::uint64_t next_count_;
  std::uint64_t next_sequence_ = 1;
  shard_id shard_;
};

}  // namespace troupe::broker
