#pragma once

#include "actors/broker/context.hpp"
#include "actors/broker/device_port.hpp"
#include "actors/broker/tell.hpp"

#include <optional>
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

/// A device without a socket: what a connection does for its session, done by
/// plain calls. Answers QoS 1 and 2 by itself unless told not to.
class simulated_client final : public device_port {
 public:
  struct message {
    std::string topic;
    std::string payload;
    mqtt::qos level{};
    mqtt::packet_id id = 0;
    bool retain = false;
    bool dup = false;
    std::vector<std::uint32_t> subscription_ids;
    bool operator==(const message&) const = default;
  };

  /// `numbers`: the last number of a connection.
  simulated_client(broker_context& context, std::uint64_t& numbers, std::string client_id)
      : context_(&context), numbers_(numbers), client_id_(std::move(client_id)) {}
  ~simulated_client() override { unplug(); }

  // --- what the device does; the broker acts when the rig runs ------------------
  void connect(connect_terms terms = {}) {
    unplug();
    loop_ = terms.loop;
    number_ = ++numbers_;
    open = false;
    present.reset();
    context_->devices[loop_][number_] = this;
    auto order = std::make_shared<connect_order>();
    order->packet.client_id = client_id_;
    order->packet.clean_start = terms.clean;
    order->packet.session_expiry = terms.expiry;
    order->packet.receive_maximum = terms.receive_maximum;
    order->loop = loop_;
    order->connection = number_;
    tell(context_->session_shard(client_id_), open_session{order});
  }
  void subscribe(std::string_view filter, mqtt::qos level, std::uint32_t id = 0,
                 mqtt::subscription_options options = {}) {
    mqtt::subscribe_packet packet;
    packet.id = ++next_packet_;
    packet.subscription_id = id;
    options.maximum_qos = level;
    packet.entries.push_back({std::string(filter), options});
    say(std::move(packet));
  }
  void unsubscribe(std::string_view filter) {
    mqtt::unsubscribe_packet packet;
    packet.id = ++next_packet_;
    packet.filters.emplace_back(filter);
    say(std::move(packet));
  }
  mqtt::packet_id publish(std::string_view topic, std::string_view payload, mqtt::qos level,
                          bool retain = false) {
    mqtt::message::fields fields;
    fields.topic = topic;
    fields.payload = payload;
    fields.level = level;
    fields.retain = retain;
    fields.publisher = id_.value;
    client_publish packet{mqtt::message::make(fields), 0};
    if (level != mqtt::qos::at_most_once) packet.id = ++next_packet_;
    const auto id = packet.id;
    say(std::move(packet));
    return id;
  }
  void acknowledge(mqtt::ack_kind kind, mqtt::packet_id id) {
    say(mqtt::ack_packet{kind, id, {}, {}});
  }
  void say(client_packet packet) {
    auto batch = std::make_shared<client_batch>();
    batch->connection = number_;
    batch->packets.push_back(std::move(packet));
    tell(session_, client_input{std::move(batch)});
  }
  /// The connection breaks; the session hears of it later, as it would.
  void cut() {
    if (!plugged_in()) return;
    unplug();
    tell(session_, client_gone{number_, "cut"});
    session_ = nullptr;
  }

  /// The node died: nobody is told.
  void vanish() {
    owner_ = nullptr;
    unplug();
    session_ = nullptr;
  }
  void moves_to(broker_context& context) { context_ = &context; }

  bool plugged_in() const { return number_ != 0; }

  // --- what it has heard ----------------------------------------------------------
  std::vector<message> received;
  std::vector<mqtt::suback_packet> subacks;
  std::vector<mqtt::ack_packet> acks;
  std::optional<bool> present;  // session present, when CONNACK came
  std::optional<mqtt::reason_code> ended_with;
  bool open = false;
  bool answers = true;
  bool takes_bytes = true;

  // --- device_port ------------------------------------------------------------------
  void accepted(session_id id, caf::strong_actor_ptr session, device_owner& owner,
                const mqtt::connack_packet& connack) override {
    id_ = id;
    session_ = std::move(session);
    owner_ = &owner;
    present = connack.session_present;
    open = true;
  }
  void refused(mqtt::reason_code reason, std::string_view) override { end(reason); }
  void send(const troupe::session::publish_out& publish) override {
    const auto& body = *publish.body;
    message m{std::string(body.topic()),
              std::string(body.payload()),
              publish.level,
              publish.id,
              publish.retain,
              publish.dup,
              {}};
    if (publish.subscription_ids != nullptr) m.subscription_ids = *publish.subscription_ids;
    received.push_back(std::move(m));
    if (!answers) return;
    if (publish.level == mqtt::qos::at_least_once) acknowledge(mqtt::ack_kind::puback, publish.id);
    if (publish.level == mqtt::qos::exactly_once) acknowledge(mqtt::ack_kind::pubrec, publish.id);
  }
  void send(const mqtt::ack_packet& ack) override {
    acks.push_back(ack);
    if (!answers) return;
    if (ack.kind == mqtt::ack_kind::pubrec) acknowledge(mqtt::ack_kind::pubrel, ack.id);
    if (ack.kind == mqtt::ack_kind::pubrel) acknowledge(mqtt::ack_kind::pubcomp, ack.id);
  }
  void send(const mqtt::suback_packet& suback) override { subacks.push_back(suback); }
  void send_pingresp() override {}
  bool writable() override { return takes_bytes; }
  void disconnect(mqtt::reason_code reason, std::string_view) override { end(reason); }
  void close() override { end(mqtt::reason_code::success); }

 private:
  void end(mqtt::reason_code reason) {
    ended_with = reason;
    open = false;
    owner_ = nullptr;  // the session let go of the port by itself
    const auto gone = number_;
    unplug();
    tell(session_, client_gone{gone, "ended"});
  }
  void unplug() {
    if (number_ == 0) return;
    context_->devices[loop_].erase(number_);
    if (owner_ != nullptr) owner_->device_lost();
    owner_ = nullptr;
    number_ = 0;
    open = false;
  }

  broker_context* context_;
  std::uint64_t& numbers_;
  std::string client_id_;
  session_id id_{};
  caf::strong_actor_ptr session_;
  device_owner* owner_ = nullptr;
  std::uint64_t number_ = 0;
  unsigned loop_ = 0;
  mqtt::packet_id next_packet_ = 0;
};

}  // namespace troupe::broker::test
