#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/broker/device_port.hpp"
#include "actors/broker/inspect/client_view.hpp"
#include "actors/broker/inspect/queue/queue_drop.hpp"
#include "actors/broker/retries.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "protocol/session/effects.hpp"
#include "protocol/session/inbound_flow.hpp"
#include "protocol/session/outbound_flow.hpp"
#include "protocol/session/rare_list.hpp"
#include "storage/store.hpp"

namespace troupe::broker {

/// How a session begins: new, or woken from the store with what the directory
/// kept of it.
struct session_birth {
  subscriber_ptr who;
  session_shard_actor shard;
  bool woken = false;
  storage::session_record record;  // if woken
  std::vector<storage::subscription_record> subscriptions;
  std::unique_ptr<farewell> last;
};

/// The MQTT state of one client. Its home is the run loop of its connection
/// and moves there with every new one.
///
///     loading --contents read--> active <--attach / gone--> (offline)
///     active --expired, clean end, kicked--> ending --forget--> gone
///         (ending: first hands to others what shared subscriptions left behind)
///     offline for a while, durable --> resting --forget--> asleep on disk
///
/// The rules of the exchange stand in protocol/session; this class connects
/// them to the shards, the store and the connection. All that one message asks
/// of the store is one transaction, all that it publishes to a shard one batch.
class session final : public runtime::lean_actor,
                      private troupe::session::session_effects,
                      private device_owner,
                      private runtime::timer_entry {
 public:
  session(caf::actor_config& cfg, broker_context& context, session_birth birth);
  ~session() override;
  const char* name() const override { return "session"; }

  // inspect/session_look.cpp: for administrators, on its home loop between messages
  void describe(runtime::actor_description& to) const override;
  session_id stored_as() const { return who_->id(); }
  client_view look() const;
  client_view::details look_closer() const;
  const std::string& client_id() const noexcept { return who_->client_id(); }
  const std::string& username() const noexcept { return username_; }
  /// Null: it has done nothing yet.
  const client_counts* traffic() const noexcept { return counts_.get(); }
  /// What its connected client has been owed for the longest time, or null.
  const mqtt::message* oldest_unacknowledged() const {
    return device_ != nullptr ? outbound_.oldest() : nullptr;
  }
  /// Until `visit` has seen all that come behind `after`, or its limit.
  void each_subscription(std::string_view after, std::size_t limit,
                         const subscription_visit& visit) const;

  // inspect/queue/session_queue.cpp: for administrators, on its home loop between messages
  /// What waits in memory behind the first `skip`, at most `limit`.
  std::vector<troupe::session::delivery> queued(std::size_t skip, std::size_t limit) const;
  std::vector<std::uint64_t> orders_under_way() const { return outbound_.orders_under_way(); }
  /// In its own turn.
  void drop_queue(const queue_drop_ptr& order);

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  friend struct session_trace;  // trace/session_trace.hpp
  enum class phase : std::uint8_t { loading, active, ending, resting };
  struct held_subscription {
    mqtt::subscription_options options;
    std::uint32_t subscription_id = 0;
  };
  /// Retained messages that a subscription has still to get.
  struct replay {
    std::string filter;
    held_subscription terms;
    std::uint32_t entry = 0;           // of its SUBSCRIBE
    /// What was matched by one of them or a later one came as a live message.
    boost::container::small_vector<storage::routes_version, 1> seen_by;
    std::string cursor;
  };
  /// A SUBSCRIBE or UNSUBSCRIBE that waits for routes and store.
  struct change_in_progress {
    mqtt::suback_packet answer;
    std::uint64_t connection = 0;
    std::uint32_t waiting = 0;
    std::vector<replay> replays;
  };
  /// Input behind a SUBSCRIBE or UNSUBSCRIBE that is not in force yet.
  struct held_batch {
    std::shared_ptr<client_batch> batch;
    std::size_t done = 0;
  };
  /// What is to be done when the transaction at hand is committed.
  struct after_commit {
    enum class kind : std::uint8_t { outgoing, received, change, connack, noted, taken, ending };
    kind what;
    std::uint64_t number = 0;  // packet id, token or connection
    bool released = false;
    mqtt::reason_code reason = mqtt::reason_code::success;  // taken
  };

  // session.cpp: life
  void on_attach(const connect_order_ptr& order);
  void wait(const connect_order_ptr& order);
  void take_over();
  void begin(const connect_order_ptr& order);
  void send_connack();
  void on_gone(const client_gone& gone);
  void go_offline();
  void load();
  void read_contents();
  void loaded(storage::session_contents contents);
  storage::session_record record(std::int64_t disconnected_at) const;
  void refuse(const connect_order& order, mqtt::reason_code reason);

  // session_end.cpp
  void on_kick(const kick& order);
  void on_shut_down();
  void end();
  void hand_over();
  void handed_page(storage::owed_page& page);
  void handed_on(const publish_outcomes& outcomes);
  void finish_end();
  void rest();
  void yield_when_idle();
  void vanish(mqtt::reason_code reason);
  void publish_will();
  void plan_offline_timer();
  void offline_timer_fired();
  std::int64_t expires_at() const;

  // session_trim.cpp
  void trim();
  void trim_page_read(const storage::owed_page& page);

  // inspect/queue/session_queue.cpp
  void drop_next_page(const queue_drop_ptr& order);
  void drop_page_read(const queue_drop_ptr& order, const storage::owed_page& page);

  // session_client.cpp: packets
  void on_input(const std::shared_ptr<client_batch>& batch);
  void continue_input();
  std::size_t work_on(const std::shared_ptr<client_batch>& keep, std::size_t from);
  void on_request(const client_request& request);
  void on_publish(client_publish& publish);
  void on_ack(const client_ack& ack);
  void on_disconnect(const mqtt::disconnect_packet& packet);
  void on_outcomes(const publish_outcomes& outcomes);
  void on_deliver(troupe::session::deliveries& messages);
  void on_deliver(const deliver_alike& all);
  bool may_receive(std::string_view topic);

  // once/session_once.cpp
  void route_once(client_publish& publish,
                  const troupe::session::inbound_flow::accepted& accepted);
  void noted(std::uint64_t token, bool ok);
  void taken(std::uint64_t token, mqtt::reason_code reason);
  void note_taken();

  // session_subscriptions.cpp
  void on_subscribe(const mqtt::subscribe_packet& packet);
  void on_unsubscribe(const mqtt::unsubscribe_packet& packet);
  mqtt::reason_code subscribe_one(const mqtt::subscribe_entry& entry, std::uint32_t id,
                                  std::uint64_t token, change_in_progress& change);
  void change_route(bool add, const std::string& filter, const held_subscription& terms,
                    std::uint64_t token, std::uint32_t entry);
  void on_route_changed(const route_changed& changed);
  void change_settled(std::uint64_t token);
  void continue_replay();
  void replay_page(storage::retained_page page);
  bool outdated(std::string_view topic) const;
  void note_newer(std::string_view topic);
  void replayed_on(std::size_t count);
  void offer_retained(const mqtt::message_ptr& message, const held_subscription& terms);
  void drop_routes();
  void announce_presence();
  void note_room();

  // session_effects.cpp: troupe::session::session_effects
  void send(const troupe::session::publish_out& publish) override;
  void send(const mqtt::ack_packet& ack) override;
  void send(const mqtt::suback_packet& suback) override;
  void send_pingresp() override;
  bool writable() override;
  bool hears() const override { return device_ != nullptr; }
  void disconnect(mqtt::reason_code reason, std::string_view sentence) override;
  void route(troupe::session::routed_publish publish) override;
  void redispatch(const troupe::session::delivery& message) override;
  void dropped(const mqtt::message& message, troupe::session::drop_reason why) override;
  void record_outgoing(mqtt::packet_id id, std::uint64_t order, bool released) override;
  void erase_outgoing(mqtt::packet_id id) override;
  void settle(const troupe::session::stored_place& place, std::size_t bytes) override;
  void erase_received(mqtt::packet_id id) override;
  void want_page(std::uint64_t after, std::uint32_t count, std::uint64_t bytes) override;
  void flush();
  /// `next_epoch`: not 0 if it went to an owner that is none any more.
  void committed(const std::vector<after_commit>& finished, bool ok, std::uint64_t next_epoch);
  publish_item& item_for(const mqtt::message& message);
  publish_batch& batch_for(std::string_view topic);
  publish_item& second_choice_for(const troupe::session::delivery& message);
  bool begin_anew(std::uint64_t with_epoch);
  void count_aside(publish_item& item, std::uint64_t stored_order);
  struct pending_writes {
    storage::transaction writes;
    std::vector<after_commit> after;
  };
  storage::transaction& writes() {
    if (!pending_) pending_ = std::make_unique<pending_writes>();
    return pending_->writes;
  }
  /// Once the transaction at hand is committed.
  void then(after_commit what) {
    writes();
    pending_->after.push_back(what);
  }

  void device_lost() noexcept override { device_ = nullptr; }
  void on_timer() override;
  void try_again_later(std::function<void()> work);
  void leave_loop();
  void cancel_timer();
  void later(std::function<void()> run);
  std::int64_t now() const;
  bool durable() const noexcept { return who_->durable(); }
  bool kept_elsewhere() const;
  /// What stands in the store for it, in flight or not.
  queue_elsewhere owed() const;
  void say_farewell(std::string_view why);
  client_counts& counts() {
    if (!counts_) counts_ = std::make_unique<client_counts>();
    return *counts_;
  }
  void take_time(observe::latency_stage stage, client_counts::timed_exchange& of);
  /// This node is cut off from the majority and from whoever keeps the session.
  bool kept_out_of_reach() const;
  auth::identity identity() const { return {client_id(), username_, loopback_}; }

  broker_context& context_;
  std::shared_ptr<const broker_limits> limits_;
  subscriber_ptr who_;
  std::uint64_t client_hash_;  // cluster::stable_hash() of it
  session_shard_actor shard_;
  troupe::session::inbound_flow inbound_;
  troupe::session::outbound_flow outbound_;
  std::map<std::string, held_subscription, std::less<>> subscriptions_;
  std::map<std::uint64_t, change_in_progress> changes_;
  troupe::session::rare_list<replay> replays_;
  /// Topics (hashes) of which a newer message came while retained ones were
  /// read, or under way: those are not to come after it.
  std::unique_ptr<std::unordered_set<std::uint64_t>> newer_came_;
  troupe::session::rare_list<held_batch> held_input_;
  std::shared_ptr<const auth::authorizer> authorizer_;
  std::uint64_t authorizer_version_ = 0;

  device_port* device_ = nullptr;
  connect_order_ptr order_;  // of the connection at hand
  troupe::session::rare_list<connect_order_ptr> waiting_;  // while loading or handing over; one at most
  std::unique_ptr<mqtt::will> will_;  // most have none
  std::string username_;
  std::uint64_t connection_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t next_token_ = 1;
  std::int64_t disconnected_at_ = 0;
  std::int64_t connected_at_ = 0;
  std::unique_ptr<client_counts> counts_;  // null: no message yet
  std::unique_ptr<farewell> last_;         // null: no connection has ended
  std::uint32_t expiry_ = 0;
  mqtt::protocol_version version_ = mqtt::protocol_version::v5;
  phase phase_ = phase::active;
  bool loading_ = false;      // the store was asked
  bool stored_ = false;       // the store has a record of it
  bool loopback_ = false;     // the client is on this machine
  bool fresh_ = true;         // no connection was ever accepted
  bool connected_ = false;    // counted as a connected client
  bool input_over_ = false;   // the connection was ended by a packet or by us
  bool replaying_ = false;
  bool trimming_ = false;
  bool end_when_loaded_ = false;
  bool end_told_ = false;  // to the shard
  bool yielding_ = false;  // another node wants it
  bool clean_goodbye_ = false;
  std::uint16_t trace_slots_ = 0;  // of traces of this client, as of:
  std::uint32_t trace_version_ = 0;
  std::uint32_t commits_under_way_ = 0;
  std::uint32_t replays_under_way_ = 0;  // retained messages sent to their topic shard

  // At the end: what shared subscriptions left in the store goes to other members.
  static constexpr std::uint64_t hand_over_token = 1ULL << 63;
  static constexpr std::uint64_t replay_token = 1ULL << 62;
  struct handed_message {
    troupe::session::stored_place place;
    std::size_t bytes = 0;
  };
  /// What most sessions never need.
  /// A message whose record is being committed.
  struct noted_publish {
    mqtt::message_ptr body;
    troupe::session::origin from;
    std::shared_ptr<client_batch> input;
  };
  struct recorded_publish {
    mqtt::packet_id id = 0;
    shard_id topics{};
  };
  struct rarely_used {
    std::vector<handed_message> handed;  // by the number in their token
    std::vector<std::uint64_t> under_way;  // orders of exchanges with this client
    std::uint64_t handed_through = 0;
    std::size_t handing_over = 0;
    // QoS 2 of the client, in a cluster.
    std::map<std::uint64_t, recorded_publish> receiving;  // recorded, not taken yet; by token
    std::map<std::uint64_t, noted_publish> noted;         // being recorded; by token
    std::map<shard_id, troupe::session::origin> origins;  // the latest for each topic shard
    std::vector<shard_id> refused_at;  // topic shards: for a while, and the client may not know
    std::uint64_t last_origin = 0;
    std::uint64_t last_aside = 0;  // the same of what it sends on its own, see count_aside()
    std::uint64_t settled_count = 0;  // not yet told to the owner of the shard
    std::uint64_t settled_bytes = 0;
    queue_elsewhere elsewhere;          // as the owner of the shard has told, less what was settled
    std::vector<queue_drop_ptr> drops;  // while loading
    std::uint64_t trimmed_through = 0;
    std::vector<std::uint64_t> settled_meanwhile;  // while trim() reads
    std::map<mqtt::packet_id, mqtt::message_ptr> traced;  // of its publishes: not answered yet
  };
  void refused_at(shard_id topics);
  bool refuses_at(shard_id topics);
  rarely_used& rare() {
    if (!rare_) rare_ = std::make_unique<rarely_used>();
    return *rare_;
  }
  std::unique_ptr<rarely_used> rare_;

  std::unique_ptr<retries> retries_;

  // Of the message at hand, see flush().
  std::unique_ptr<pending_writes> pending_;
  std::vector<std::pair<shard_id, std::shared_ptr<publish_batch>>> batches_;
  std::shared_ptr<client_batch> input_;  // at hand
};

}  // namespace troupe::broker
