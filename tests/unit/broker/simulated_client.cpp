#include "tests/unit/broker/simulated_client.hpp"

#include "actors/broker/tell.hpp"
#include "actors/runtime/loop_coordinator.hpp"

#include <algorithm>

namespace troupe::broker::test {

/// What actors/device/connection.hpp is to a session.
class simulated_client::connection final : public device_port {
 public:
  enum class state : std::uint8_t { opening, open, abandoned, over };

  connection(simulated_client& client, broker_context& context, unsigned loop, std::uint64_t number)
      : client_(&client), context_(context), loop_(loop), number_(number) {
    context_.devices[loop_][number_] = this;
  }
  ~connection() override {
    if (at_ != state::over) forget();
  }

  bool open() const { return at_ == state::open; }
  bool over() const { return at_ == state::over; }
  bool on(const broker_context& node) const { return &context_ == &node; }

  void say(std::shared_ptr<client_batch> batch) {
    batch->connection = number_;
    tell(session_, client_input{std::move(batch)});
  }
  void drained() { tell(session_, client_drained{number_}); }
  /// The socket is gone. A session on its way here finds the port and is told then.
  void cut() {
    client_ = nullptr;
    if (at_ == state::opening) at_ = state::abandoned;
    if (at_ != state::open) return;
    if (owner_ != nullptr) owner_->device_lost();
    leave();
  }
  /// The node dies.
  void vanish() {
    client_ = nullptr;
    if (auto* owner = std::exchange(owner_, nullptr)) owner->device_lost();
    session_ = nullptr;
    if (at_ != state::over) forget();
  }

  void accepted(session_id id, caf::strong_actor_ptr session, device_owner& owner,
                const mqtt::connack_packet& connack) override {
    if (at_ != state::opening) {
      owner.device_lost();
      session_ = std::move(session);
      return leave();
    }
    at_ = state::open;
    session_ = std::move(session);
    owner_ = &owner;
    auto& c = *client_;
    c.id_ = id;
    c.present = connack.session_present;
    c.open = true;
    if (!connack.session_present) {
      c.sending_.clear();
      c.unreleased_.clear();
    }
    c.resend();
  }
  void refused(mqtt::reason_code reason, std::string_view) override { end(reason); }
  void send(const troupe::session::publish_out& publish) override {
    if (client_ != nullptr) client_->hear(publish);
  }
  bool send(const fan_out& messages) override {
    if (client_ == nullptr || !client_->takes_bytes_) return false;
    for (const auto& body : messages.messages())
      client_->hear({body.get(), 0, mqtt::qos::at_most_once, false, false, {}});
    return true;
  }
  void send(const mqtt::ack_packet& ack) override {
    if (client_ != nullptr) client_->hear(ack);
  }
  void send(const mqtt::suback_packet& suback) override {
    if (client_ != nullptr) client_->subacks.push_back(suback);
  }
  void send_pingresp() override {}
  bool writable() override { return client_ != nullptr && client_->takes_bytes_; }
  void disconnect(mqtt::reason_code reason, std::string_view) override { end(reason); }
  void close() override { end(mqtt::reason_code::success); }

 private:
  void end(mqtt::reason_code reason) {
    owner_ = nullptr;  // the session let go of the port by itself
    if (auto* client = std::exchange(client_, nullptr)) client->ended(reason);
    leave();
  }
  void leave() {
    owner_ = nullptr;
    tell(std::exchange(session_, nullptr), client_gone{number_, "gone"});
    forget();
  }
  void forget() {
    at_ = state::over;
    context_.devices[loop_].erase(number_);
  }

  simulated_client* client_;
  broker_context& context_;
  caf::strong_actor_ptr session_;
  device_owner* owner_ = nullptr;
  unsigned loop_;
  std::uint64_t number_;
  state at_ = state::opening;
};

simulated_client::simulated_client(broker_context& context, std::uint64_t& numbers,
                                   std::string client_id)
    : context_(&context), numbers_(numbers), client_id_(std::move(client_id)) {}

// --- the device ----------------------------------------------------------------------

simulated_client::~simulated_client() { vanish(); }

void simulated_client::connect(connect_terms terms) {
  cut();
  present.reset();
  ended_with.reset();
  takes_bytes_ = true;
  std::erase_if(connections_, [](const auto& c) { return c->over(); });
  const auto number = ++numbers_;
  now_ = std::make_shared<connection>(*this, *context_, terms.loop, number);
  connections_.push_back(now_);
  auto order = std::make_shared<connect_order>();
  order->packet.client_id = client_id_;
  order->packet.clean_start = terms.clean;
  order->packet.session_expiry = terms.expiry;
  order->packet.receive_maximum = terms.receive_maximum;
  order->loop = terms.loop;
  order->connection = number;
  tell(context_->session_shard(client_id_), open_session{order});
}

void simulated_client::subscribe(std::string_view filter, mqtt::qos level, std::uint32_t id,
                                 mqtt::subscription_options options) {
  mqtt::subscribe_packet packet;
  packet.id = free_id();
  packet.subscription_id = id;
  options.maximum_qos = level;
  packet.entries.push_back({std::string(filter), options});
  say(std::make_unique<client_request>(std::move(packet)));
}

void simulated_client::unsubscribe(std::string_view filter) {
  mqtt::unsubscribe_packet packet;
  packet.id = free_id();
  packet.filters.emplace_back(filter);
  say(std::make_unique<client_request>(std::move(packet)));
}

void simulated_client::publish(std::string_view topic, std::string_view payload, mqtt::qos level,
                               bool retain) {
  mqtt::message::fields fields;
  fields.topic = topic;
  fields.payload = payload;
  fields.level = level;
  fields.retain = retain;
  fields.received_at = context_->loops.time().wall_ms();
  fields.publisher = id_.value;
  client_publish packet{mqtt::message::make(fields), 0};
  if (level != mqtt::qos::at_most_once) {
    packet.id = free_id();
    sending_[packet.id] = {packet.body, ++sent_, false};
  }
  say(std::move(packet));
}

void simulated_client::say(client_packet packet) {
  if (!open) return;
  if (gathered_) {
    gathered_->packets.push_back(std::move(packet));
    return;
  }
  auto batch = std::make_shared<client_batch>();
  batch->packets.push_back(std::move(packet));
  now_->say(std::move(batch));
}

void simulated_client::together(const std::function<void()>& say_them) {
  gathered_ = std::make_shared<client_batch>();
  say_them();
  auto batch = std::exchange(gathered_, nullptr);
  if (open && !batch->packets.empty()) now_->say(std::move(batch));
}

void simulated_client::answer(std::size_t count) {
  for (; count > 0 && !answers_.empty() && open; --count) {
    const auto ack = answers_.front();
    answers_.pop_front();
    say(ack);
  }
}

void simulated_client::writable(bool value) {
  const bool drained = value && !takes_bytes_;
  takes_bytes_ = value;
  if (drained && open) now_->drained();
}

void simulated_client::cut() {
  answers_.clear();
  open = false;
  if (auto now = std::exchange(now_, nullptr)) now->cut();
}

void simulated_client::vanish() {
  answers_.clear();
  open = false;
  now_ = nullptr;
  // Sessions on their way hold them until the actors are gone.
  for (auto& c : connections_) c->vanish();
}

void simulated_client::vanish(const broker_context& node) {
  if (now_ && now_->on(node)) {
    answers_.clear();
    open = false;
    now_ = nullptr;
  }
  std::erase_if(connections_, [&](const auto& c) {
    if (!c->on(node)) return false;
    c->vanish();
    lost_.push_back(c);
    return true;
  });
}

void simulated_client::ended(mqtt::reason_code reason) {
  ended_with = reason;
  answers_.clear();
  open = false;
  now_ = nullptr;
}

mqtt::packet_id simulated_client::free_id() {
  do ++last_id_;
  while (last_id_ == 0 || sending_.contains(last_id_));
  return last_id_;
}

// --- the rules of MQTT ---------------------------------------------------------------

void simulated_client::resend() {
  std::vector<std::pair<mqtt::packet_id, exchange>> all(sending_.begin(), sending_.end());
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.second.number < b.second.number; });
  for (auto& [id, x] : all) {
    if (x.released)
      say(client_ack{mqtt::ack_kind::pubrel, id, {}});
    else
      say(client_publish{x.body, id});
  }
}

void simulated_client::hear(const troupe::session::publish_out& publish) {
  const auto& body = *publish.body;
  const bool again =
      publish.level == mqtt::qos::exactly_once && !unreleased_.insert(publish.id).second;
  if (!again) {
    message m{std::string(body.topic()), std::string(body.payload()), publish.level,
              publish.id,                publish.retain,              publish.dup,
              {}};
    m.subscription_ids.assign(publish.subscription_ids.begin(), publish.subscription_ids.end());
    received.push_back(std::move(m));
  }
  if (publish.level == mqtt::qos::at_least_once) acknowledge(mqtt::ack_kind::puback, publish.id);
  if (publish.level == mqtt::qos::exactly_once) acknowledge(mqtt::ack_kind::pubrec, publish.id);
}

void simulated_client::hear(const mqtt::ack_packet& ack) {
  switch (ack.kind) {
    case mqtt::ack_kind::puback:
    case mqtt::ack_kind::pubrec:
      return taken_over(ack);
    case mqtt::ack_kind::pubrel:
      unreleased_.erase(ack.id);
      return acknowledge(mqtt::ack_kind::pubcomp, ack.id);
    case mqtt::ack_kind::pubcomp:
      sending_.erase(ack.id);
  }
}

void simulated_client::taken_over(const mqtt::ack_packet& ack) {
  auto it = sending_.find(ack.id);
  if (it == sending_.end()) return;
  auto& x = it->second;
  auto& list = mqtt::is_error(ack.reason) ? refused_publishes : acknowledged;
  if (!x.released) list.emplace_back(x.body->payload());
  if (ack.kind == mqtt::ack_kind::puback || mqtt::is_error(ack.reason)) {
    sending_.erase(it);
    return;
  }
  x.released = true;
  acknowledge(mqtt::ack_kind::pubrel, ack.id);
}

void simulated_client::acknowledge(mqtt::ack_kind kind, mqtt::packet_id id) {
  answers_.push_back({kind, id, {}});
  if (eager) answer(1);
}

}  // namespace troupe::broker::test
