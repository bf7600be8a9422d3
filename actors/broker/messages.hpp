#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <caf/actor_control_block.hpp>

#include "actors/broker/audit/route_report.hpp"
#include "actors/broker/credit.hpp"
#include "actors/broker/fan_out.hpp"
#include "actors/broker/inspect/client_view.hpp"
#include "actors/broker/routing/route.hpp"
#include "actors/broker/shard_owner.hpp"
#include "protocol/mqtt/message.hpp"
#include "protocol/mqtt/packet.hpp"
#include "protocol/session/delivery.hpp"
#include "storage/store.hpp"

/// What the actors of the broker say to each other. Every message is one
/// struct; interfaces.hpp says who says which to whom. Sparse traffic puts one
/// thing into each: the lists have room for one without an allocation.
namespace troupe::broker {

/// Room for one more in a list that has one thing, or hundreds: four times as much as before, since
/// whatever is in it is moved each time.
template <class List>
void grow(List& list) {
  if (list.size() == list.capacity()) list.reserve(list.size() * 4);
}

// --- to a topic shard -------------------------------------------------------

/// Terms of a message that is for one session only: a retained message for a
/// new durable subscription.
struct direction {
  subscriber_ptr to;
  mqtt::qos level = mqtt::qos::at_most_once;
  bool retain = false;
  troupe::session::subscription_ids subscription_ids;
};

/// A message that a member of a shared group did not take.
struct second_choice {
  std::shared_ptr<const std::string> share;
  subscriber_ptr declined_by;
  /// Where it stands in the store for that one: settled with the same
  /// transaction, so that a crash leaves it with exactly one of the two.
  troupe::session::stored_place stored;
};

struct publish_item {
  mqtt::message_ptr body;
  std::uint64_t token = 0;         // 0: nobody asks for the outcome
  mqtt::packet_id received = 0;    // QoS 2 id to remember with the message
  bool begun = false;              // QoS 2: somebody may be owed it by now
  troupe::session::origin from{};  // QoS 2 in a cluster
  std::uint64_t by = 0;            // whose origin that is, if not its publisher's
  bool chosen = false;             // members of groups get it whom it was given to before, if it was
  bool passed = false;             // groups got it before: it is for none of their members
  std::unique_ptr<direction> directed;
  std::unique_ptr<second_choice> declined;
  /// QoS 2 in a cluster: members of groups, as its topic shard has just chosen them.
  std::unique_ptr<std::vector<storage::chosen_member>> members;

  /// Whose messages the origin counts.
  std::uint64_t counted_by() const noexcept { return by != 0 ? by : body->publisher(); }
};

/// What one session publishes to one topic shard out of one read of its
/// socket; in order. Answered by publish_outcome if any item has a token.
struct publish_batch {
  session_id from;                // none: the broker itself
  std::uint64_t client = 0;       // cluster::stable_hash() of its client id; 0: not its own words
  std::uint64_t answered = 0;     // its client has been told of all tokens below
  troupe::session::origin released{};  // those of its client before that one never come again
  caf::strong_actor_ptr answer_to;  // may be null
  /// Of a batch from another node: to whom and as what it is answered.
  cluster::node_id origin = cluster::no_node;
  std::uint64_t pairing = 0;  // with that node, when it came
  std::uint64_t request = 0;
  std::uint64_t attempt = 0;
  boost::container::small_vector<publish_item, 1> items;
  std::shared_ptr<const credit> held;
};
struct publish_request {
  std::shared_ptr<publish_batch> batch;
};

/// Adds or removes a subscription; to the topic shard of an exact filter or to
/// the wildcard index. Answered by route_changed. `filter` has no "$share".
struct route_change {
  bool add = true;
  std::string filter;
  std::string share;  // whole "$share/group/filter", or empty
  subscription what;
  std::uint64_t token = 0;          // 0: no answer
  std::uint32_t entry = 0;          // of several with one token
  caf::strong_actor_ptr answer_to;
};

/// The store has written a transaction of a topic shard.
struct commit_done {
  std::uint64_t number = 0;
  std::uint32_t part = 0;
  bool ok = true;
  bool not_owner = false;  // see storage::commit_result
  storage::order_no first_order = 0;
};

// --- to a session -------------------------------------------------------------

/// In the order of the topic shard that sends it.
struct deliver {
  troupe::session::deliveries messages;
};
/// Messages that many get on the same terms: none of them is owed, and no
/// subscription identifier or shared group is in it.
struct deliver_alike {
  std::shared_ptr<const fan_out> messages;
  mqtt::qos level = mqtt::qos::at_most_once;  // of all of them
};
using publish_outcomes =
    boost::container::small_vector<std::pair<std::uint64_t, mqtt::reason_code>, 2>;
/// What the owner of its shard counts that a session is owed, which is awake on another node.
struct queue_elsewhere {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  void settle(std::uint64_t settled) noexcept {
    if (messages != 0) --messages;
    bytes -= std::min(bytes, settled);
  }
};
struct publish_outcome {
  publish_outcomes outcomes;
};
struct route_changed {
  std::uint64_t token = 0;
  std::uint32_t entry = 0;
  /// Messages matched at these versions of the routes or later ones saw the
  /// change; one for each node that matches by them.
  boost::container::small_vector<storage::routes_version, 1> versions;
};

/// A CONNECT that was accepted by authentication, on its way to its session.
struct connect_order {
  mqtt::connect_packet packet;   // client id set, password cleared
  std::string username;          // effective
  std::string address;
  bool loopback = false;
  bool assigned_client_id = false;
  std::string authentication_data;  // final data of an enhanced authentication
  unsigned loop = 0;             // run loop of the connection
  std::uint64_t connection = 0;  // its number, unique in the node
  std::uint64_t sequence = 0;    // given by the session shard: the latest wins
  bool anew = false;             // what it had begun was lost with an owner of its shard
  std::uint64_t not_before = 0;  // epoch of the owner that it waits for
};
using connect_order_ptr = std::shared_ptr<connect_order>;

struct attach_client {
  connect_order_ptr order;
};

/// One packet of a client, decoded. Publishes are messages already.
struct client_publish {
  mqtt::message_ptr body;
  mqtt::packet_id id = 0;
};
/// An acknowledgement. What a client says beside its reason is not kept.
struct client_ack {
  mqtt::ack_kind kind{};
  mqtt::packet_id id = 0;
  mqtt::reason_code reason{};
};
/// What comes rarely and is large.
using client_request =
    std::variant<mqtt::subscribe_packet, mqtt::unsubscribe_packet, mqtt::disconnect_packet>;
using client_packet = std::variant<client_publish, client_ack, mqtt::pingreq_packet,
                                   std::unique_ptr<client_request>>;

/// All packets of one read of the client's socket.
struct client_batch {
  std::uint64_t connection = 0;
  boost::container::small_vector<client_packet, 2> packets;
  credit held;
};
struct client_input {
  std::shared_ptr<client_batch> batch;
};
/// The connection takes bytes again.
struct client_drained {
  std::uint64_t connection = 0;
};
/// The connection is gone; after all its input.
struct client_gone {
  std::uint64_t connection = 0;
  std::string why;
};

/// Runs inside the actor that receives it: the way back from the store.
struct deferred {
  std::function<void()> run;
};

/// Ends a client's connection or its whole session, by an admin or because a
/// clean start replaced it.
struct kick {
  mqtt::reason_code reason = mqtt::reason_code::administrative_action;
  bool end_session = false;
  bool send_will = true;
  /// The session is wanted on another node: rest as soon as that is possible.
  bool yield = false;
  /// It is awake on another node already: nothing that this one does counts any more.
  bool stale = false;
  /// The owner of its shard does not know it: a client that has no CONNACK yet begins anew.
  bool unknown = false;
  /// Seconds that the will of a session that goes on waits at least.
  std::uint32_t will_grace = 0;
};
/// A woken session has something to do without a client: a will, an expiry.
struct wake_session {};
/// To the shard of a session and from there to the session: its queue is over
/// its limit, the oldest messages are to be dropped.
struct trim_queue {
  subscriber_ptr whose;
};
/// To a durable session: the owner of its shard has changed, so that messages may
/// stand in the store that it was not told of.
struct reread {};
/// The node stops: say goodbye, record what is under way.
struct shut_down {};

// --- to a session shard -----------------------------------------------------

/// Answered through the connection's loop: the connection is attached or refused.
struct open_session {
  connect_order_ptr order;
};
/// From a session that is over, its last word; forget follows.
struct session_ended {
  session_id id;
  std::string client_id;
  caf::strong_actor_ptr actor;
  bool stale = false;  // it goes on elsewhere
};
/// From a durable session that wants to sleep; forget follows.
struct session_resting {
  caf::strong_actor_ptr actor;
  std::vector<storage::subscription_record> subscriptions;
  storage::session_record record;
  std::shared_ptr<farewell> last;
};
/// From a session that received an attach after it ended or went to rest.
struct reopen {
  connect_order_ptr order;
};
/// To a session: the shard no longer knows it; nothing will come any more.
struct forget {};

// --- in a cluster, to shards and the wildcard index -----------------------------

/// A frame of another node, without its head.
struct peer_message {
  cluster::node_id from{};
  std::uint8_t kind = 0;  // frame_kind
  std::string bytes;
};
/// A pairing with another node began or is over.
struct peer_changed {
  cluster::node_id node{};
  bool up = false;
  std::uint64_t pairing = 0;
};
struct owner_now {
  shard_id shard{};
  shard_owner owner;
};
/// From a session shard, behind its changes: all its filters have been told.
struct routes_announced {
  shard_id shard{};
  std::uint64_t epoch = 0;
};
/// From the wildcard index: it has more of what a topic shard waits for.
struct wildcards_announced {};
/// This node is cut off from the majority of the cluster, or no longer.
struct majority_changed {
  bool seen = true;
};
struct peer_tick {};

}  // namespace troupe::broker
