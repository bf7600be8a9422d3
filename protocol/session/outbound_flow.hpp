#pragma once

#include <cstdint>
#include <vector>

#include "protocol/mqtt/packet.hpp"
#include "protocol/session/delivery.hpp"
#include "protocol/session/effects.hpp"
#include "protocol/session/fifo.hpp"
#include "protocol/session/limits.hpp"
#include "protocol/session/rare_list.hpp"

namespace troupe::session {

/// What the connected client takes.
struct client_terms {
  mqtt::protocol_version version = mqtt::protocol_version::v5;
  std::uint16_t receive_maximum = 65535;
  std::uint32_t maximum_packet_size = 0;  // 0: no limit
};

/// A QoS 2 (or, after a passivation, QoS 1) exchange found in the store.
struct stored_exchange {
  mqtt::packet_id id = 0;
  std::uint64_t order = 0;
  bool released = false;
};

/// Messages on their way to one client: the in-flight window with its packet
/// ids, and behind it the queue.
///
/// A durable session's queue stands in the store; memory holds a piece of it.
/// In *live* mode every new message is offered here as it is committed. When
/// the piece is full, or the client is away, the flow is in *stored* mode: offers are
/// only noted, and pages are read from the store. `floor_` is the order up to which every entry was seen; an
/// offer at or below it is a duplicate. Entries above it that are held already are recognised by their order,
/// because offers of different topic shards may overtake each other.
///
/// QoS 2 of a durable session: the packet id is on disk before the PUBLISH
/// leaves and the release before the PUBREL, or a crash between them would
/// deliver twice. Not thread-safe; lives inside the session actor.
class outbound_flow {
 public:
  outbound_flow(const session_limits& limits, bool durable);

  /// A message for the client, `now` in wall milliseconds. Without a client, messages of clean sessions
  /// are dropped by the caller; those of durable ones are noted here.
  /// QoS 0 is sent at once or, if the connection is full, dropped unless `patient`.
  void offer(delivery&& message, std::int64_t now, session_effects& fx, bool patient = false);
  /// The answer to want_page().
  void page(std::vector<delivery> messages, bool end, std::uint64_t through, std::int64_t now,
            session_effects& fx);
  /// Messages may stand in the store that were not offered: they are read.
  void reread(session_effects& fx);
  /// Sends what the window and the connection allow.
  void pump(std::int64_t now, session_effects& fx);

  /// A new connection: resends in the original order with the original packet
  /// ids [MQTT-4.4.0-1], then goes on with the queue.
  void connected(const client_terms& terms, std::int64_t now, session_effects& fx);
  /// The connection is gone.
  void disconnected();
  /// The session ends: shared messages in memory that were not delivered go to other members,
  /// except QoS 2 messages in flight [MQTT-4.8.2-5]. Stored ones are left to the caller.
  /// Answers the orders of stored messages whose exchange with this client was begun.
  std::vector<std::uint64_t> abandon(session_effects& fx);
  /// Drops a stored message, because the queue is over its limit or by order; one that is
  /// on its way to the client stays. Answers whether it was dropped.
  bool drop_stored(const delivery& message, session_effects& fx,
                   drop_reason why = drop_reason::queue_full);
  /// Drops what is queued in memory; answers how many. For a session whose queue is nowhere else.
  std::uint64_t drop_queued(session_effects& fx, drop_reason why);

  void puback(mqtt::packet_id id, std::int64_t now, session_effects& fx);
  void pubrec(mqtt::packet_id id, mqtt::reason_code reason, std::int64_t now, session_effects& fx);
  void pubcomp(mqtt::packet_id id, std::int64_t now, session_effects& fx);
  /// A record_outgoing() is committed.
  void recorded(mqtt::packet_id id, bool released, std::int64_t now, session_effects& fx);
  /// It could not be: tried again for the next connection.
  void not_recorded(mqtt::packet_id id) noexcept;

  /// After a wake-up: exchanges that were under way, before the first page.
  void restore(std::vector<stored_exchange> exchanges);
  /// Unacknowledged QoS 1 messages, to be recorded before the actor goes to sleep.
  std::vector<stored_exchange> unrecorded() const;

  /// What waits in memory, behind what is in flight.
  const fifo<delivery>& queue() const noexcept { return queue_; }
  /// The orders of stored messages that are on their way to the client.
  std::vector<std::uint64_t> orders_under_way() const;
  /// Of what is in memory and not acknowledged, what came first; null: nothing. (Of a released
  /// QoS 2 message only its id is left.)
  const mqtt::message* oldest() const noexcept;
  /// The message of an exchange that goes on, or null; also if it is stored and was released.
  const mqtt::message* sent(mqtt::packet_id id) noexcept;

  std::size_t queued() const noexcept { return queue_.size(); }
  std::uint64_t queued_bytes() const noexcept { return queued_bytes_; }
  std::size_t inflight() const noexcept { return inflight_count_; }
  /// As many may be in flight: what the client takes and what is configured.
  std::uint32_t window() const noexcept;
  bool caught_up() const noexcept { return !stored_mode_ && !reading_; }
  bool has_client() const noexcept { return has_client_; }
  /// Nothing waits for the store.
  bool settled() const noexcept { return !reading_ && recording_ == 0; }

  /// Changes with the session expiry of a new connection.
  void durable(bool value) noexcept { durable_ = value; }

 private:
  enum class stage : std::uint8_t { recording, sent, releasing, released, done };
  struct exchange {
    exchange() = default;
    explicit exchange(delivery&& what) noexcept : message(std::move(what)) {}

    delivery message;
    mqtt::packet_id id = 0;
    stage at = stage::sent;
    bool transmitted : 1 = false;  // on some connection: the next time is a DUP
    bool resend : 1 = false;       // not yet on this connection
    bool counted : 1 = false;      // in outstanding_
    bool recorded : 1 = false;     // the store has, or will have, a record of it
    bool failed : 1 = false;       // it could not be written: again with the next client
    bool again : 1 = false;        // that is under way: what comes behind waits for it
  };

  static std::uint64_t bytes_of(const delivery& d) noexcept { return d.body->footprint(); }
  void enqueue(delivery&& message, session_effects& fx);
  bool may_start(session_effects& fx) const;
  exchange* admit(delivery&& message);
  void start(exchange& x, std::int64_t now, session_effects& fx);
  bool make_room(std::size_t bytes, session_effects& fx);
  void resend(std::int64_t now, session_effects& fx);
  bool start_next(std::int64_t now, session_effects& fx);
  void transmit(exchange& x, std::int64_t now, session_effects& fx);
  void finish(exchange& x, session_effects& fx);
  void release(exchange& x, session_effects& fx);
  void skip(exchange& x, drop_reason why, session_effects& fx);
  void sweep();
  void request_page(session_effects& fx);
  bool waits_for_earlier(const exchange& x) const noexcept;
  exchange* find(mqtt::packet_id id) noexcept;
  std::uint32_t place_of(mqtt::packet_id id) const noexcept;
  void settle(const delivery& message, session_effects& fx);
  bool held(std::uint64_t order) const noexcept;
  mqtt::packet_id next_id() noexcept;
  bool unsendable(const delivery& message, std::int64_t now, session_effects& fx);
  bool too_large(const delivery& message) const;
  void enter_stored_mode() noexcept { stored_mode_ = true; }

  const session_limits& limits_;
  client_terms terms_;
  fifo<exchange> inflight_;      // in sending order; `done` ones linger until they are at the front
  fifo<delivery> queue_;
  rare_list<stored_exchange> restored_;  // waiting for their entry to appear in a page
  rare_list<std::uint64_t> settled_;     // since the page under way was asked for
  rare_list<std::uint64_t> dropped_;     // above the floor, before they were offered
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t floor_ = 0;
  std::uint64_t reading_from_ = 0;
  std::uint64_t latest_ = 0;     // highest order offered in stored mode
  std::uint32_t live_count_ = 0;  // offers taken since floor_ moved
  std::uint32_t recording_ = 0;
  std::uint32_t outstanding_ = 0;  // on this connection, against its receive maximum
  std::uint32_t inflight_count_ = 0;
  mqtt::packet_id last_id_ = 0;
  bool durable_;
  bool has_client_ = false;
  bool stored_mode_;
  bool reading_ = false;
  bool read_again_ = false;  // the page under way may be older than a reread()
  bool resending_ = false;
  /// Packet ids in inflight_ ascend (around the end of their numbers), so that
  /// one is found without a search.
  bool ids_ascend_ = true;
};

}  // namespace troupe::session
