#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <caf/actor_control_block.hpp>

#include "protocol/mqtt/packet.hpp"
#include "storage/store.hpp"

/// What administrators are told of clients and their sessions.
namespace troupe::broker {

class subscriber;

/// What a session has counted of its client in this life; made by the first message, so that
/// an idle one does not pay for it.
struct client_counts {
  std::array<std::uint64_t, 3> received{};  // by QoS
  std::array<std::uint64_t, 3> sent{};
  std::array<std::uint64_t, 7> dropped{};  // by troupe::session::drop_reason
  std::uint64_t received_bytes = 0;        // of payloads
  std::uint64_t sent_bytes = 0;
  /// A timed message, see mqtt::message::timed(), that waits for an acknowledgement; one at a
  /// time each way.
  struct timed_exchange {
    std::int64_t since = 0;
    mqtt::packet_id id = 0;  // 0: none
    bool of_another_node = false;
  };
  timed_exchange publishing;  // to be answered
  timed_exchange receiving;
};

/// How the last connection ended.
struct farewell {
  std::string why;
  std::int64_t at = 0;  // wall milliseconds
};

/// A connection as its session's administrator sees it.
struct device_view {
  std::string address;  // "192.0.2.1:40000"
  std::string listener;
  std::uint16_t keep_alive = 0;
  bool blocked = false;  // its write buffer is full
};

struct client_view {
  std::string client_id;
  std::string username;
  mqtt::protocol_version version = mqtt::protocol_version::v5;
  std::optional<device_view> device;
  bool connected = false;
  bool durable = false;
  bool asleep = false;  // on disk alone
  std::uint32_t expiry = 0;
  std::int64_t connected_at = 0;     // wall milliseconds, 0: is not
  std::int64_t disconnected_at = 0;  // wall milliseconds, 0: is connected
  std::uint64_t subscriptions = 0;
  std::uint64_t inflight = 0;
  std::uint64_t queued = 0;  // behind what is in flight
  std::uint64_t queued_bytes = 0;
  std::uint64_t unreleased = 0;  // QoS 2 from the client
  std::uint64_t actor = 0;       // id, 0: none

  /// What only who asks for one client is told.
  struct details {
    std::uint64_t cached = 0;  // of the queue, in memory
    std::uint64_t cached_bytes = 0;
    std::uint64_t owed = 0;  // in the store
    std::uint64_t owed_bytes = 0;
    bool reading_store = false;
    std::uint64_t pending = 0;  // from the client, outcome not known yet
    std::uint16_t max_inflight = 0;
    std::uint16_t receive_maximum = 0;
    client_counts counts;
    std::optional<farewell> last;
    std::string waits_for;
    std::optional<std::pair<std::string, std::uint32_t>> will;  // topic, delay
  };
};

/// A session in the directory of its shard.
struct listed_session {
  const std::string& client_id;
  const subscriber& who;
  const caf::strong_actor_ptr& awake;  // null: asleep
  const storage::session_record& record;  // if asleep
  const std::vector<storage::subscription_record>& subscriptions;
  const farewell* last;  // null: not known
};
using subscription_visit = std::function<void(const storage::subscription_record&)>;

}  // namespace troupe::broker
