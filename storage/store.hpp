#pragma once

#include "protocol/mqtt/message.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/session_id.hpp"
#include "protocol/session/delivery.hpp"
#include "protocol/session/origin.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// Place in the one sequence of owed entries of a node, given by the writer in
/// commit order: whoever has read the store up to n has seen every entry <= n. In a replicated
/// store (store_options::replicated) each shard has a sequence of its own, the same on every
/// replica.
using order_no = std::uint64_t;

/// A body in the log of a topic shard; in a replicated store in that of the session shard whose
/// sessions are owed it, so that no body belongs to two shards.
struct log_position {
  shard_id shard{};
  std::uint64_t offset = 0;
  bool operator==(const log_position&) const = default;
};

using session::body_place;
using session::stored_place;

/// How a message is to be sent to the one who is owed it.
struct owed_terms {
  mqtt::qos level = mqtt::qos::at_least_once;
  bool retain = false;  // the flag to send
  std::span<const std::uint32_t> subscription_ids;
  std::string_view share;  // "$share/group/filter" that chose this session, or empty
  std::uint32_t size = 0;  // bytes of topic, properties and payload, for limits
};

/// The terms, read from the store.
struct owed_entry {
  mqtt::qos level = mqtt::qos::at_least_once;
  bool retain = false;
  session::subscription_ids subscription_ids;
  std::string share;
  std::uint32_t size = 0;
};

struct owed_message {
  stored_place place;
  owed_entry entry;
  mqtt::message_ptr body;
};

/// What becomes of the places that transaction::owe() has answered.
class owed_orders {
 public:
  /// `place` as owe() answered it, `first` from the commit_result.
  void resolve(stored_place& place, order_no first) const noexcept {
    const auto run = place.order;
    place.order = first + starts_[run] + place.index;
    place.lone = place.body != body_place::shared && starts_[run + 1] - starts_[run] == 1;
  }

 private:
  friend class transaction;
  std::vector<std::uint32_t> starts_;  // of the runs, and one end
};

/// One page of a session's queue.
struct owed_page {
  std::vector<owed_message> messages;
  bool end = true;       // nothing was left when the page was read
  order_no through = 0;  // if end: every entry committed up to here was seen
  /// Not all could be read (overload, disk error, closed): ask again later.
  bool failed = false;
};

/// A QoS 2 message on its way to a client.
struct outgoing_record {
  mqtt::packet_id id = 0;
  order_no order = 0;
  bool released = false;  // PUBREC was received; only PUBREL may be sent
};

struct session_record {
  session_id id;
  std::string client_id;
  std::string username;
  mqtt::protocol_version version = mqtt::protocol_version::v5;
  std::uint32_t expiry = 0;          // seconds, 0xFFFFFFFF: never
  std::int64_t disconnected_at = 0;  // wall milliseconds, 0: connected when written
  std::uint64_t life = 0;            // in a cluster, see transaction::by()
  std::optional<mqtt::will> will;    // owed if it is not withdrawn by a clean disconnect
};

struct subscription_record {
  std::string filter;  // with "$share/..." if shared
  mqtt::subscription_options options;
  std::uint32_t subscription_id = 0;
};

using received_record = session::received_exchange;

/// The latest QoS 2 message of a publisher that was owed to sessions of a shard by a topic shard.
struct origin_record {
  session_id publisher;
  shard_id topics{};
  session::origin latest;
  std::int64_t seen = 0;  // wall milliseconds
};

/// Which member of a shared group gets a QoS 2 message, whoever routes it.
struct chosen_member {
  std::string share;  // whole "$share/group/filter"
  session_id member;
  bool kept = false;  // its session outlives its connection

  friend bool operator==(const chosen_member&, const chosen_member&) = default;
};
/// What the owner of a topic shard has chosen for a message, kept in the log of the session shard
/// of that number, which has the same owner.
struct choice_record {
  session_id publisher;
  session::origin of;
  std::vector<chosen_member> members;
  /// An earlier choice may have been given the message, and its session is gone.
  bool again = false;
  std::int64_t seen = 0;  // wall milliseconds
};

/// The rest of a session, read when it wakes.
struct session_contents {
  std::vector<received_record> received;
  std::vector<outgoing_record> outgoing;  // QoS 2 to the client, by id
  /// Owed entries that were there when the store was opened. Whoever commits
  /// younger ones counts them, so that the sum is exact at any time.
  std::uint64_t queued = 0;
  std::uint64_t queued_bytes = 0;
  bool failed = false;  // as owed_page::failed
};

/// Which routes a message was matched by. `run` names one life of a node (0:
/// none), `number` counts the changes of its routes.
struct routes_version {
  std::uint64_t run = 0;
  std::uint64_t number = 0;
};

/// Writes that become visible and durable together. Not thread-safe.
class transaction {
 public:
  transaction() noexcept;
  transaction(transaction&&) noexcept;
  transaction& operator=(transaction&&) noexcept;
  ~transaction();

  bool empty() const noexcept;
  /// Approximate bytes that it will write.
  std::size_t size() const noexcept;

  // --- in a replicated store ---
  /// The one shard that all of it concerns, sessions, topics, bodies and what applied() names;
  /// nothing if there is none of these, or if they differ.
  std::optional<shard_id> shard() const noexcept;
  /// How many messages it owes, and so how many order numbers it takes.
  std::uint64_t owed() const noexcept;
  /// The number of the first of them, from whoever proposes it: at least
  /// shard_marks::next_order as it will be when the entries before are applied. Without, what
  /// is next then is taken.
  void first_order(order_no first);
  /// It is for the owner of the shard in this epoch alone; 0: in any.
  void epoch(std::uint64_t value) noexcept { epoch_ = value; }
  std::uint64_t epoch() const noexcept { return epoch_; }
  /// It is by this session, in this life of it (see broker::subscriber); none: {0, 0}.
  void by(session_id session, std::uint64_t life) noexcept {
    session_ = session;
    life_ = life;
  }
  session_id session() const noexcept { return session_; }
  std::uint64_t life() const noexcept { return life_; }
  /// It is the entry of this index and term in the log of `shard`. It may be empty.
  void applied(shard_id shard, std::uint64_t index, std::uint64_t term);

  // --- by topic shards ---
  /// What consecutive messages have in common is written once. Before anything is owed; not in a
  /// replicated store, since nodes with the program before this one cannot read it.
  void share_heads();
  /// Makes room for records of about so many bytes, which come next.
  void expect(std::size_t bytes);
  /// A body that `receivers` owed messages of this transaction refer to.
  void append(log_position at, const mqtt::message& body, std::uint32_t receivers);
  /// Owed to a durable session that is the only one to get it. The body stands
  /// beside the terms or, if it is large, in the log at `at`.
  /// Answers a place for owed_orders::resolve().
  stored_place owe(session_id to, const owed_terms& terms, const mqtt::message& body,
                   log_position at);
  /// Owed to one of several: the body is the one that was appended at `at`.
  stored_place owe(session_id to, const owed_terms& terms, log_position at);
  /// When all is owed: tells the order numbers from the commit_result::first_order.
  owed_orders orders() const;
  /// A new topic is left out, and counted, when `limit` (0: none) are retained already: in the
  /// store or, if it is replicated, in the shard.
  /// `matched`: comes back with the message.
  void put_retained(shard_id shard, const mqtt::message& message, std::uint64_t limit = 0,
                    const routes_version& matched = {});
  void erase_retained(shard_id shard, std::string_view topic);
  /// As erase_retained(), if what is retained when it is written has expired at `now_ms`.
  void expire_retained(shard_id shard, std::string_view topic, std::int64_t now_ms);
  /// QoS 2 from a client: received, not yet released.
  void put_received(session_id from, const received_record& record);
  /// With what it says was owed to sessions of `shard`, or they have got that before.
  void put_origin(shard_id shard, const origin_record& record);
  void erase_origin(shard_id shard, const origin_record& record);
  void put_choice(shard_id shard, const choice_record& record);
  void erase_choice(shard_id shard, session_id publisher, const session::origin& of);

  // --- by sessions and session shards ---
  void erase_received(session_id from, mqtt::packet_id id);
  void put_session(const session_record& record);
  /// Everything of the session: record, subscriptions, queue, QoS 2 state; bodies are released.
  void erase_session(session_id id, std::string_view client_id);
  void put_subscription(session_id id, const subscription_record& subscription);
  void erase_subscription(session_id id, std::string_view filter);
  /// The message was delivered or dropped: gone with its share of the body.
  void settle(session_id id, const stored_place& place);
  /// Only the record of the QoS 2 message; settle() the entry by itself.
  void put_outgoing(session_id id, const outgoing_record& record);
  void erase_outgoing(session_id id, mqtt::packet_id packet);

 private:
  friend class rocks_store;
  friend class transaction_codec;
  struct content;
  content& own();
  std::unique_ptr<content> content_;  // made by the first write
  std::uint64_t epoch_ = 0;
  session_id session_{};
  std::uint64_t life_ = 0;
};

struct commit_result {
  bool ok = true;
  std::string error;  // a sentence, if not ok: nothing of the transaction was written
  order_no first_order = 0;
  /// In a cluster: another node owns the shard, or this one in another epoch. The transaction may
  /// be in its log or not.
  bool not_owner = false;
};

struct retained_message {
  mqtt::message_ptr body;
  routes_version matched;
};

/// Retained messages that match a filter, page by page.
struct retained_page {
  std::vector<retained_message> messages;
  /// Cursor for the next page; empty: that was all. A page may be empty and
  /// have a next one: the work of one page is bounded.
  std::string next;
  bool failed = false;  // as owed_page::failed
  /// Met and left out, in a replicated store alone (else the store erases them by itself): the
  /// owner of the shard proposes transaction::expire_retained(). Not all that there are.
  struct topic_of_shard {
    shard_id shard;
    std::string topic;
  };
  std::vector<topic_of_shard> expired;
};

/// The durable state of one node. Asynchronous calls may come from any thread
/// and never block; callbacks run on a thread of the store and must be short.
/// A read sees every transaction that was given to commit() before the read was.
class store {
 public:
  virtual ~store() = default;

  using committed = std::function<void(const commit_result&)>;
  /// Transactions are written in the order given (group commit). `done` may be
  /// null: nobody waits, and it may be some milliseconds until it is written.
  virtual void commit(transaction writes, committed done) = 0;

  /// Entries with order > after, at most max_count and about max_bytes of bodies.
  virtual void read_owed(session_id id, order_no after, std::uint32_t max_count,
                         std::uint64_t max_bytes, std::function<void(owed_page)> done) = 0;
  virtual void read_contents(session_id id, std::function<void(session_contents)> done) = 0;
  /// As above, but counts as queued what is owed up to `through`, for whoever counts the younger
  /// ones since a moment of his own, such as when he became the owner of the shard.
  virtual void read_contents(session_id id, order_no through,
                             std::function<void(session_contents)> done) = 0;
  /// One owed entry with its body, for a QoS 2 retransmission; nothing if it is gone.
  virtual void read_one(session_id id, order_no order,
                        std::function<void(std::optional<owed_message>)> done) = 0;
  /// `filter` is valid and without "$share". Expired messages are left out.
  /// `cursor`: empty, or `next` of the page before. Pages are at most max_count messages and about
  /// 1 MiB.
  virtual void read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                             std::int64_t now_ms, std::function<void(retained_page)> done) = 0;

  // --- at start, before any run loop; these block ---
  virtual void each_session(shard_id shard, const std::function<void(session_record)>& visit) = 0;
  virtual void each_subscription(
      shard_id shard, const std::function<void(session_id, subscription_record)>& visit) = 0;
  /// The first offset that is free in the log of a topic shard.
  virtual std::uint64_t next_offset(shard_id shard) = 0;
  /// The first count that no session of the shard ever had.
  virtual std::uint64_t next_session_count(shard_id shard) = 0;
  virtual std::uint16_t shards() const = 0;

  // --- figures, any thread ---
  struct figures {
    std::uint64_t retained = 0;       // messages
    std::uint64_t retained_refused = 0;  // over the limit, since the start
    std::uint64_t bodies = 0;         // estimate
    std::uint64_t backlog_bytes = 0;  // given to commit(), not yet written
    std::uint64_t commits = 0;        // transactions
    std::uint64_t groups = 0;         // group commits: WAL writes
    bool writable = true;             // false after a disk error, until it heals
  };
  virtual figures current() const = 0;
  /// figures::backlog_bytes alone, for whoever asks at every read of a socket.
  virtual std::uint64_t backlog_bytes() const noexcept = 0;

  /// Finishes what was given, then closes. Blocks; later calls fail at once.
  virtual void close() = 0;
};

}  // namespace troupe::storage
