#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/broker/remote/peers.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"

namespace troupe::broker {

class queue_drop;
using queue_drop_ptr = std::shared_ptr<queue_drop>;
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
///
/// In a cluster the directory is on the node that owns the shard; a session is awake on
/// the node of its connection, whoever owns it. Elsewhere this actor is the
/// way to the owner, and keeps the sessions that are awake here; so no device
/// is dropped when the owner changes. See remote/session_shard_talk.cpp and session_shard_owner.cpp.
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

  // inspect/shard_look.cpp: for administrators. In the shard's own turn.
  void describe(runtime::actor_description& to) const override;
  /// A place in the directory, kept between slices.
  struct listing_place {
    std::size_t buckets = 0;
    std::size_t next = 0;
  };
  /// Visits the sessions from that place on while `goes_on` says so; true: that were all. One that is
  /// there all the while is visited, mostly once.
  bool list(listing_place& place, const std::function<bool()>& goes_on,
            const std::function<void(const listed_session&)>& visit) const;
  /// The session of that client, unless another node has it awake.
  void find(const std::string& client_id,
            const std::function<void(const listed_session&)>& visit) const;
  /// Closes the connection, or ends the session; false: there is none here.
  bool kick_client(const std::string& client_id);
  bool discard_session(const std::string& client_id);
  /// Has the session drop its queue, see queue_drop.
  void drop_queue(const std::string& client_id, const queue_drop_ptr& order);

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  struct will_elsewhere {
    mqtt::will will;
    std::string username;
  };
  struct entry {
    subscriber_ptr who;
    caf::strong_actor_ptr awake;  // null: asleep
    std::vector<storage::subscription_record> subscriptions;  // asleep
    /// As the owner: the node where it is awake, if not here.
    cluster::node_id at = cluster::no_node;
    std::unique_ptr<farewell> last;  // asleep
    std::unique_ptr<will_elsewhere> will;  // of a session that is not kept, awake elsewhere
    /// Of the session, awake: a later one has a higher number, whoever owns the shard.
    std::uint64_t life = 0;
    bool reading = false;    // its record comes from the store
    bool unclaimed = false;  // it was connected when the owner was lost: to be told by its node

    /// Of a session that is asleep. One that is awake has none, for it would take 230 bytes.
    storage::session_record& record() {
      if (!record_) record_ = std::make_unique<storage::session_record>();
      return *record_;
    }
    const storage::session_record& record() const {
      static const storage::session_record none;
      return record_ ? *record_ : none;
    }
    void drop_record() noexcept { record_.reset(); }

   private:
    std::unique_ptr<storage::session_record> record_;
  };
  /// A CONNECT, of a connection here or of another node.
  struct opening {
    connect_order_ptr order;  // null: of another node
    cluster::node_id from = cluster::no_node;
    std::uint64_t request = 0;
    std::string client_id;
    std::string username;
    std::optional<mqtt::will> will;
    bool clean_start = false;
    bool durable = false;
    unsigned age = 0;  // ticks
    bool sent = false;
  };
  struct waiting_route {
    route_change change;
    cluster::node_id from = cluster::no_node;  // as the owner: who asked
    std::uint64_t request = 0;                 // and as what
    bool sent = false;
  };
  struct expiry {
    std::int64_t at;
    session_id id;
    std::string client_id;
    bool operator>(const expiry& other) const noexcept { return at > other.at; }
  };
  using directory = std::unordered_map<std::string, entry>;

  void open(const connect_order_ptr& order);
  void open_here(const connect_order_ptr& order);
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
  // remote/session_shard_talk.cpp, session_shard_owner.cpp: in a cluster
  bool receive_remote(caf::mailbox_element& m);
  void open_in_cluster(const connect_order_ptr& order);
  void discard_elsewhere(entry& e);
  void trim_elsewhere(const entry& e);
  void ended_in_cluster(const session_ended& message, std::uint64_t life);
  void rested_in_cluster(const std::string& client_id);
  bool is_owner() const noexcept { return owner_.node == context_.remote->self(); }
  void send(std::uint64_t request, opening& wanted);
  void serve(opening wanted);
  void serve_openings();
  void wait_for(opening wanted);
  void grant(entry& e, const opening& wanted);
  void refuse(const opening& wanted, mqtt::reason_code reason);
  void refuse_cut_off(const opening& wanted);
  void refuse_what_waits();
  bool out_of_reach() const;
  void waiting_served(const std::string& client_id);
  void granted(const peer::SessionGrant& frame);
  void on(const owner_now& change);
  void on(const peer_changed& change);
  void on(const peer_message& frame);
  void on(const majority_changed& news);
  void read_early();
  void end_streams();
  template <class Answer>
  void say_not_owner(cluster::node_id to, std::uint64_t request);
  void on_here(cluster::node_id from, const peer::SessionsHere& frame);
  void on_ended(cluster::node_id from, const peer::SessionEnded& frame);
  void on_rested(cluster::node_id from, const peer::SessionRested& frame);
  void on_yield(const peer::SessionYield& frame);
  void on_forward(cluster::node_id from, const peer::Forward& frame);
  void on_route(cluster::node_id from, const peer::RouteChange& frame);
  void route_for_owner(route_change change);
  void send_route(std::uint64_t request, waiting_route& w);
  void route_done(const route_changed& done);
  void take_over();
  void read_directory(std::string cursor, std::uint64_t epoch);
  void adopt(storage::session_record record,
             std::vector<storage::subscription_record> subscriptions);
  void loaded();
  void step_down();
  void tell_owner_of_sessions();
  void node_lost(entry& e);
  void end_of_lost(const subscriber_ptr& who);
  void mark_lost(entry& e);
  void yield(const entry& e, mqtt::reason_code reason, bool end);
  void send_stale(cluster::node_id to, const subscriber& who, std::uint64_t life);
  void not_here(const std::string& client_id, session_id id, std::uint64_t life);
  std::uint64_t next_life() noexcept { return owner_.epoch << 32 | ++last_life_; }
  void publish_will(const entry& e);
  void announce(const entry& e, const storage::subscription_record& s, bool add);
  void announce_presence(const entry& e);
  void tick();

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
  std::uint32_t restarts_ = 0;
  shard_id shard_;

  // In a cluster:
  shard_owner owner_;
  shard_owner last_owner_;   // that was one; owner_ may be none
  bool loading_ = false;     // the owner reads the directory
  bool cut_off_ = false;     // from the majority of the cluster
  unsigned ticks_as_owner_ = 0;
  std::uint32_t last_life_ = 0;
  std::map<std::uint64_t, opening> openings_;    // asked of the owner, or before it can serve
  std::map<std::string, opening> waiting_;       // as the owner: until another node lets go
  std::map<session_id, entry> leaving_;          // as the owner: replaced, to end on their nodes
  std::map<std::uint64_t, waiting_route> route_changes_;
  origin_table_ptr origins_;  // while loading
  std::map<cluster::node_id, std::uint64_t> pairings_;  // as this actor has heard of them
  std::vector<std::pair<cluster::node_id, peer::SessionsHere>> claims_;  // while loading
  struct early_frame {
    std::uint64_t epoch;
    peer_message frame;
  };
  std::vector<early_frame> early_;  // for an owner that is not known here yet
  std::vector<cluster::node_id> silent_;  // nodes that have not told of their sessions yet
  std::uint64_t next_request_ = 1;  // see peers::first_request()
};

}  // namespace troupe::broker
