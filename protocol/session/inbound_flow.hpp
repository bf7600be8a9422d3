#pragma once

#include <cstdint>
#include <vector>

#include "protocol/mqtt/packet.hpp"
#include "protocol/session/effects.hpp"
#include "protocol/session/fifo.hpp"
#include "protocol/session/limits.hpp"
#include "protocol/session/origin.hpp"

namespace troupe::session {

/// Messages that come from one client: quota, QoS 2 duplicates, and answers in
/// the order in which the messages came [MQTT-4.6.0-2, 4.6.0-3] although their
/// topic shards finish in any order. Not thread-safe.
class inbound_flow {
 public:
  inbound_flow(const session_limits& limits, bool durable) : limits_(limits), durable_(durable) {}

  enum class verdict : std::uint8_t {
    route,      // new: give it to its topic shard with the token
    duplicate,  // QoS 2, known already: nothing to route, the answer follows or was sent
    refused,    // the client was disconnected
    not_now,    // one before it was refused for a while, and the client has not been told yet:
                // answered alike, so that the later one is not taken before the earlier one
  };
  struct accepted {
    verdict what = verdict::route;
    std::uint64_t token = 0;
    /// Of a message that was recorded, before the session woke up, with this origin: nobody knows
    /// whether it was routed.
    origin recorded{};
  };

  /// A PUBLISH with QoS 1 or 2.
  accepted publish(mqtt::qos level, mqtt::packet_id id, session_effects& fx);
  /// The message of the token is committed, or refused for the reason.
  void completed(std::uint64_t token, mqtt::reason_code reason, session_effects& fx);
  void pubrel(mqtt::packet_id id, session_effects& fx);
  /// An erase_received() is committed.
  void released(mqtt::packet_id id, session_effects& fx);
  /// It could not be: the client may send its PUBREL again.
  void not_released(mqtt::packet_id id) noexcept;

  void connected(mqtt::protocol_version version);
  void disconnected();
  /// After a wake-up: QoS 2 messages received and not yet released.
  void restore(const std::vector<received_exchange>& received);
  /// The message of the id is recorded with that origin.
  void recorded(mqtt::packet_id id, const origin& from) noexcept;
  /// The message of the token will be refused for a while: until the client is told, what came
  /// behind it is not taken either.
  void refusing(std::uint64_t token) noexcept;
  /// The token of the first message that is not answered.
  std::uint64_t first_unanswered() const noexcept { return first_token_; }
  /// Whether something was refused of which the client has not been told.
  bool refuses() const noexcept { return untold_ != 0 || missed_; }
  /// The first origin of those that are not released: the client may send them again, none before.
  origin first_origin() const noexcept;
  /// Recorded ones that were taken since: a record may say so.
  std::vector<received_exchange> taken_since();

  /// Messages whose outcome is not known yet.
  std::size_t pending() const noexcept { return pending_count_; }
  std::size_t unreleased() const noexcept { return received_.size(); }

  /// Changes with the session expiry of a new connection.
  void durable(bool value) noexcept { durable_ = value; }

 private:
  struct answer {
    mqtt::packet_id id = 0;
    mqtt::qos level = mqtt::qos::at_most_once;
    bool done = false;
    bool orphan = false;    // of an earlier connection: nothing is sent
    bool copy = false;      // waits for the first one of its id
    mqtt::reason_code reason = mqtt::reason_code::success;
    bool refusing = false;  // counted in untold_
  };
  enum class exchange_state : std::uint8_t { pending, recorded, received, releasing };
  struct exchange {
    mqtt::packet_id id = 0;
    exchange_state state = exchange_state::pending;
    bool told = false;  // the record says that it was taken
    origin from{};      // as recorded
  };

  std::vector<exchange>::iterator find(mqtt::packet_id id) noexcept;
  void flush(session_effects& fx);

  const session_limits& limits_;
  fifo<answer> answers_;
  std::vector<exchange> received_;  // QoS 2, sorted by id
  std::uint64_t first_token_ = 1;   // of answers_.front()
  std::uint32_t pending_count_ = 0;
  std::uint32_t untold_ = 0;        // refused for a while, and the answer still waits
  std::uint32_t unanswered_ = 0;    // on this connection, QoS 1 before PUBACK
  bool missed_ = false;             // one was refused when the connection was gone already
  bool durable_;
  bool has_client_ = false;
  mqtt::protocol_version version_ = mqtt::protocol_version::v5;
};

}  // namespace troupe::session
