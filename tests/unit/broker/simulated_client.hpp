#pragma once

#include "actors/broker/context.hpp"
#include "actors/broker/device_port.hpp"
#include "actors/broker/messages.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::broker::test {

/// How a client connects.
struct connect_terms {
  bool clean = true;
  std::uint32_t expiry = 0;  // seconds
  std::uint16_t receive_maximum = 65535;
  unsigned loop = 0;
};

/// A device without a socket that keeps the rules of MQTT over reconnects: it
/// resends what was not acknowledged and knows a QoS 2 message that comes again.
class simulated_client {
 public:
  struct message {
    std::string topic;
    std::string payload;
    mqtt::qos level{};
    mqtt::packet_id id = 0;
    bool retain = false;
    bool dup = false;
    std::vector<std::uint32_t> subscription_ids;
  };

  /// `numbers`: the last number of a connection.
  simulated_client(broker_context& context, std::uint64_t& numbers, std::string client_id);
  ~simulated_client();

  // --- what the device does; the broker acts when the rig runs ------------------
  void connect(connect_terms terms = {});
  void subscribe(std::string_view filter, mqtt::qos level, std::uint32_t id = 0,
                 mqtt::subscription_options options = {});
  void unsubscribe(std::string_view filter);
  void publish(std::string_view topic, std::string_view payload, mqtt::qos level,
               bool retain = false);
  /// Says several things that arrive in one read of its socket.
  void together(const std::function<void()>& say_them);
  /// Sends up to `count` of the acknowledgements that wait, in their order.
  void answer(std::size_t count);
  /// The client takes bytes or does not.
  void writable(bool value);
  void say(client_packet packet);
  /// The connection breaks; the session hears of it later, as it would.
  void cut();
  /// The node died: nobody is told.
  void vanish();
  /// Of several nodes, that one.
  void vanish(const broker_context& node);
  void moves_to(broker_context& context) { context_ = &context; }

  /// Publishes that are not acknowledged.
  std::size_t sending() const { return sending_.size(); }

  // --- what it has heard ----------------------------------------------------------
  std::vector<message> received;
  std::vector<mqtt::suback_packet> subacks;
  /// Payloads of its publishes that the broker has taken over, and those refused.
  std::vector<std::string> acknowledged;
  std::vector<std::string> refused_publishes;
  std::optional<bool> present;  // session present, when CONNACK came
  std::optional<mqtt::reason_code> ended_with;
  bool open = false;
  bool eager = true;  // acknowledges at once

 private:
  class connection;
  struct exchange {
    mqtt::message_ptr body;
    std::uint64_t number = 0;  // in the order of sending
    bool released = false;
  };

  void acknowledge(mqtt::ack_kind kind, mqtt::packet_id id);
  void taken_over(const mqtt::ack_packet& ack);
  void resend();
  mqtt::packet_id free_id();
  void hear(const troupe::session::publish_out& publish);
  void hear(const mqtt::ack_packet& ack);
  void ended(mqtt::reason_code reason);

  broker_context* context_;
  std::uint64_t& numbers_;
  std::string client_id_;
  session_id id_{};
  /// The latest, and earlier ones that their session has not let go of.
  std::vector<std::shared_ptr<connection>> connections_;
  std::shared_ptr<connection> now_;
  /// To nodes that died: their sessions may hold them to their end.
  std::vector<std::shared_ptr<connection>> lost_;
  bool takes_bytes_ = true;
  std::shared_ptr<client_batch> gathered_;  // by together()

  // The client's own session.
  std::map<mqtt::packet_id, exchange> sending_;
  std::set<mqtt::packet_id> unreleased_;  // QoS 2 received
  std::deque<client_ack> answers_;
  std::uint64_t sent_ = 0;
  mqtt::packet_id last_id_ = 0;
};

}  // namespace troupe::broker::test
