#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/broker/remote/topic_role.hpp"
#include "actors/broker/routing/matcher.hpp"
#include "actors/runtime/lean_actor.hpp"

namespace troupe::broker {

/// Order and commit of the topics of one shard. For each batch:
///
///     match -> write what durable sessions are owed, and retained messages
///           -> (committed) answer the publisher, tell durable sessions
///           -> deliver at once to sessions that nothing is kept for
///
/// Batches are worked on in the order of their arrival and committed in that
/// order, so every receiver sees the messages of a topic in order. Runs on the
/// run loop of whoever wakes it. Lives as long as the node.
///
/// In a cluster it does so on the node that owns the shard; see topic_role for
/// the others. What sessions of other nodes get is kept and handed out by the
/// topic shard of that number there, see deliver(); the publisher is answered when all have kept it.
/// Then each session shard's messages are a transaction of their own.
class topic_shard final : public runtime::lean_actor {
 public:
  topic_shard(caf::actor_config& cfg, broker_context& context, shard_id shard,
              std::uint64_t next_offset);
  const char* name() const override { return "topic_shard"; }
  void describe(runtime::actor_description& to) const override;

 protected:
  void receive(caf::mailbox_element& m) override;

 private:
  friend struct topic_shard_trace;  // trace/topic_shard_trace.hpp
  /// Deliveries gathered for one session, or for all receivers of a fan-out.
  struct parcel {
    subscriber_ptr to;
    troupe::session::deliveries messages;
    // Or the same to many:
    std::shared_ptr<const std::vector<receiver>> receivers;
    std::shared_ptr<fan_out> alike;
  };
  /// A transaction on its way to the disk; in a cluster one for each shard.
  struct part {
    shard_id shard{};
    storage::transaction writes;
    std::vector<parcel> parcels;  // `stored` as owe() answered it, until the commit
    storage::owed_orders orders;
    std::vector<mqtt::message_ptr> timed;  // of those it owes
    std::uint64_t owed = 0;
    bool done = false;
    // In a cluster, for another owner of the shard:
    struct kept_item {
      mqtt::message_ptr body;
      troupe::session::origin from;
      std::uint64_t by = 0;
      bool replayed = false;
      bool chosen = false;
    };
    boost::container::small_vector<kept_item, 1> items;  // in their order
    std::vector<parcel> before;  // what came before and is not owed again
    bool counts = false;         // origins

    bool carries() const noexcept { return owed != 0 || !before.empty(); }
  };
  /// A batch that waits for its commits, here and on other nodes.
  struct commitment {
    std::shared_ptr<publish_batch> batch;  // or, if it came as a deliver frame:
    cluster::node_id deliver_from = cluster::no_node;
    std::uint64_t deliver_pairing = 0;
    std::uint64_t deliver_request = 0;
    std::vector<std::uint32_t> elsewhere;  // shards of sessions that are not here
    /// By session shard, if not 0.
    boost::container::small_vector<std::pair<shard_id, std::uint64_t>, 1> attempts;
    std::vector<session_id> full;          // members of groups without room
    publish_outcomes outcomes;
    boost::container::small_vector<part, 1> parts;
    std::uint32_t open = 0;  // commits and answers to come
    bool failed = false;
    bool given_back = false;  // the next owner of the topic shard does it
    unsigned age = 0;  // ticks of a cluster
  };

  /// A batch that waits until what was chosen for it is recorded, or stands behind such a one.
  struct waiting_batch {
    std::shared_ptr<publish_batch> batch;
    std::uint64_t recording = 0;  // number of the commit, 0: none
    unsigned age = 0;             // ticks
    bool failed = false;
  };

  void count_open() noexcept;
  void publish(const std::shared_ptr<publish_batch>& batch);
  void give_out(const std::shared_ptr<publish_batch>& keep);
  void deliver_from(cluster::node_id from, const peer::Deliver& frame);
  void resolve(const peer::DeliverItem& item, commitment& pending);
  static std::uint64_t attempt_of(const commitment& pending, shard_id session_shard);
  bool is_refused(shard_id session_shard, const commitment& pending) const;
  void refuse(shard_id session_shard, commitment& pending);
  std::uint64_t commit(commitment pending, std::uint32_t answers);
  void finish(commitment& done);
  part& part_of(commitment& pending, shard_id shard) const;
  /// Answers whether the outcome waits for something.
  bool publish_one(publish_item& item, bool several, session_id from, commitment& pending,
                   std::vector<parcel>& now);
  bool hand_to(const publish_item& item, commitment& pending, std::vector<parcel>& now);
  void fan(const publish_item& item, std::vector<parcel>& now);
  void find_receivers(publish_item& item, bool several);
  void match(const mqtt::message& message, bool several);
  bool still_holds();
  void keep_retained(const mqtt::message& message, storage::transaction& writes);
  std::uint32_t owe(const publish_item& item, commitment& pending);
  bool for_others(const receiver& r) const;
  void owe_in(const publish_item& item, part& in, std::span<const receiver*> owed);
  void committed(const commit_done& done);
  void answered(const delivery_outbox::progress& what);
  void hand_over(std::uint64_t number, part& from);
  void hand_over(shard_id session_shard);
  bool close(std::uint64_t number);
  void give_back();
  void mark_done(const commitment& of, part& which);
  void tick();
  void find_mixed();
  // once/topic_shard_once.cpp
  origin_table* known_of(shard_id session_shard);
  origin_table::part* origins(shard_id session_shard);
  bool came_before(const publish_item& item, part& in);
  void doubt_origins(const part& of);
  void forget_origins();
  // once/topic_shard_choices.cpp
  static constexpr std::uint32_t of_choices = UINT32_MAX;  // as commit_done::part
  static constexpr std::uint64_t another_epoch = UINT64_MAX;
  std::uint64_t choose_members(publish_batch& batch);
  bool choose_for(publish_item& item, choices& all, storage::transaction& writes);
  void recorded(const commit_done& done);
  void give_out_waiting();
  void refuse(const publish_batch& batch);
  void hold_waiting();
  void expire_waiting(unsigned patience);
  void handed_out(const publish_batch& batch);
  void forget_choices();
  void hand_out(std::vector<parcel>& parcels);
  void forward(const parcel& p);
  static parcel& parcel_for(std::vector<parcel>& parcels, const subscriber_ptr& to);
  static void add(std::vector<parcel>& parcels, const subscriber_ptr& to,
                  troupe::session::delivery&& message);

  broker_context& context_;
  matcher matcher_;
  /// The receivers of the message at hand: found_, or what last_match_ has.
  const std::vector<receiver>* to_ = &found_;
  std::vector<receiver> found_;
  /// The receivers of the latest message, while nothing changes for it.
  struct {
    std::string topic;
    std::vector<receiver> receivers;
    /// In their place if they are many, each on plain terms.
    std::shared_ptr<const std::vector<receiver>> alike;
    std::uint64_t version = 0;
    std::uint64_t publisher = 0;
    mqtt::qos level{};
    bool retain = false;
    bool valid = false;
    bool checked = false;  // in the batch at hand
  } last_match_;
  std::vector<parcel> now_;  // of the batch at hand; kept for its capacity
  std::unordered_map<std::uint64_t, commitment> commitments_;
  std::uint64_t next_commitment_ = 1;
  std::atomic<std::uint32_t> open_{0};  // how many there are, for whoever looks from outside
  std::uint64_t next_offset_;
  std::vector<const receiver*> owed_;  // of the message at hand
  std::shared_ptr<const broker_limits> limits_;
  std::uint64_t limits_version_ = 0;
  /// Queues that went over their limit, to be trimmed when the commit is done.
  std::vector<subscriber_ptr> overfull_;
  shard_id shard_;
  std::unique_ptr<topic_role> role_;  // null: not in a cluster
  /// By session shard: parts of batches that are being committed here.
  std::vector<std::uint32_t> direct_;
  /// By session shard, in a cluster.
  std::vector<origin_table_ptr> origins_;
  /// In a cluster, in their order.
  std::deque<waiting_batch> waiting_;
  unsigned ticks_ = 0;
  /// Shards with receivers of the message at hand of which some are known as remote, some as here.
  boost::container::small_vector<shard_id, 1> mixed_;
  bool publishing_ = false;           // a batch is at hand, not what was delivered
  std::size_t to_come_ = 0;           // how many items of it are left, with the one at hand
  /// Of what other nodes deliver: the attempt at a session shard that was refused last, with all
  /// that comes behind.
  std::map<std::pair<cluster::node_id, shard_id>, std::uint64_t> refused_;
};

}  // namespace troupe::broker
