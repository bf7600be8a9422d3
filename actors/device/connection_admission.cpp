// The CONNECT exchange, AUTH packets after it, and the way to another server.

#include <random>

#include "actors/broker/tell.hpp"
#include "actors/broker/trace/hops.hpp"
#include "actors/device/connection.hpp"
#include "actors/device/device_loop.hpp"
#include "actors/observe/log.hpp"

namespace troupe::device {

using mqtt::reason_code;
using observe::counter;

namespace {

// How long the will of a client that is sent elsewhere waits for it to be back: its
// way through name service, balancer and handshakes, with some attempts.
constexpr std::uint32_t will_grace_seconds = 30;

std::string new_client_id() {
  static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device chance;
  std::string id = "auto-";
  for (int i = 0; i < 18; ++i) id += digits[chance() % 36];
  return id;
}

}  // namespace

bool connection::on_connect(const mqtt::frame& frame) {
  auto packet = mqtt::decode_connect(frame);
  admission_ = std::make_unique<admission>();
  if (!packet) {
    loop_.context().count(counter::malformed_packets);
    const auto version = mqtt::connect_version(frame);
    version_ = version.value_or(mqtt::protocol_version::v3_1_1);
    // Who names another protocol is no MQTT client and is told nothing [MQTT-3.1.2-1].
    const bool speaks = frame.body.substr(0, 6) == std::string_view("\0\4MQTT", 6) ||
                        frame.body.substr(0, 8) == std::string_view("\0\6MQIsdp", 8);
    const auto reason = packet.error().reason;
    const bool told = version == mqtt::protocol_version::v5 ||
                      (speaks && reason == reason_code::unsupported_protocol_version) ||
                      packet.error().reason == reason_code::client_identifier_not_valid;
    state_ = state::authenticating;
    if (told)
      refused(packet.error().reason, packet.error().sentence);
    else
      close();
    return false;
  }
  version_ = packet->version;
  client_packet_limit_ = packet->maximum_packet_size;
  auto order = std::make_shared<broker::connect_order>();
  order->address = transport_->peer().address;
  order->loopback = transport_->peer().loopback;
  order->loop = loop_.loop().index();
  order->connection = number_;
  order->packet = std::move(*packet);
  auto& connect = order->packet;
  state_ = state::authenticating;
  admission_->order = order;
  if (redirected()) return false;
  if (connect.client_id.size() > settings_->max_client_id_length) {
    refused(reason_code::client_identifier_not_valid, "Client identifier too long");
    return false;
  }
  if (banned()) return false;
  if (connect.client_id.empty()) {
    connect.client_id = new_client_id();
    order->assigned_client_id = true;
  }
  pause(by_admission);
  authenticate();
  return false;
}

auth::credentials connection::shown() const {
  const auto& connect = admission_->order->packet;
  const auto& peer = transport_->peer();
  auth::credentials c;
  c.client_id = connect.client_id;
  c.username = connect.username;
  c.password = connect.password;
  if (settings_->certificate_username == config::certificate_username::cn)
    c.certificate_name = peer.certificate_name();
  else if (settings_->certificate_username == config::certificate_username::subject)
    c.certificate_name = peer.certificate_subject();
  c.address = peer.address;
  c.listener = settings_->name;
  c.loopback = peer.loopback;
  c.version = version_;
  return c;
}

void connection::authenticate() {
  const auto& connect = admission_->order->packet;
  if (!connect.authentication_method.empty()) {
    const auto* methods = settings_->enhanced.get();
    auto it = methods == nullptr ? enhanced_methods::const_iterator{}
                                 : methods->find(connect.authentication_method);
    if (methods == nullptr || it == methods->end()) {
      loop_.context().count(counter::authentication_failure);
      return refused(reason_code::bad_authentication_method,
                     "Authentication method not supported");
    }
    admission_->method = connect.authentication_method;
    admission_->exchange = it->second->begin(shown());
    return step(connect.authentication_data);
  }
  // The answer may come from another thread, and after the connection is gone.
  settings_->authenticator->authenticate(
      shown(), [&owner = loop_, number = number_](auth::verdict verdict) {
        owner.loop().post([&owner, number, verdict = std::move(verdict)] {
          if (auto* c = owner.find(number)) c->admit(verdict);
        });
      });
}

void connection::admit(auth::verdict verdict) {
  if (state_ != state::authenticating) return;
  auto& context = loop_.context();
  const auto& peer = transport_->peer();
  if (!verdict.accepted) {
    context.count(counter::authentication_failure);
    observe::log_limited(observe::log_module::auth, observe::log_level::warning, "Client refused",
                         {{"client", admission_->order->packet.client_id},
                          {"address", peer.address},
                          {"reason", verdict.why}});
    if (context.traced())
      broker::trace_refused(context, admission_->order->packet.client_id, peer.address,
                            verdict.reason, verdict.why);
    return refused(verdict.reason, mqtt::to_string(verdict.reason));
  }
  context.count(counter::authentication_success);
  if (redirected()) return;
  auto order = admission_->order;
  order->username = std::move(verdict.username);
  if (banned()) return;
  state_ = state::opening;
  if (order->packet.password) order->packet.password.reset();
  broker::tell(context.session_shard(order->packet.client_id), broker::open_session{order});
}

// --- enhanced authentication [MQTT 5.0, 4.12] -------------------------------------

bool connection::on_auth(const mqtt::frame& frame) {
  auto packet = mqtt::decode_auth(frame, version_);
  if (!packet) return fail(packet.error().reason, packet.error().sentence);
  const bool waiting = admission_ && admission_->exchange;
  if (!admission_ || admission_->method.empty())
    return fail(reason_code::protocol_error, "AUTH without an authentication method");
  if (packet->method != admission_->method)
    return fail(reason_code::protocol_error, "AUTH with another authentication method");
  if (packet->reason == reason_code::reauthenticate) {
    if (state_ != state::open || waiting)
      return fail(reason_code::protocol_error, "Re-authentication at the wrong time");
    auto it = settings_->enhanced->find(admission_->method);
    if (it == settings_->enhanced->end())
      return fail(reason_code::bad_authentication_method, "Authentication method is gone");
    auth::credentials again;
    again.address = transport_->peer().address;
    again.loopback = transport_->peer().loopback;
    again.listener = settings_->name;
    admission_->again = true;
    admission_->exchange = it->second->begin(again);
  } else if (packet->reason != reason_code::continue_authentication || !waiting) {
    return fail(reason_code::protocol_error, "AUTH that nobody asked for");
  }
  step(packet->data);
  return state_ != state::closing;
}

void connection::step(std::string_view data) {
  pause(by_admission);
  admission_->exchange->step(data, [&owner = loop_, number = number_](auth::outcome outcome) {
    owner.loop().post([&owner, number, outcome = std::move(outcome)] {
      if (auto* c = owner.find(number)) c->stepped(outcome);
    });
  });
}

void connection::stepped(auth::outcome outcome) {
  if (state_ == state::closing || !admission_ || !admission_->exchange) return;
  if (outcome.what == auth::outcome::kind::failure) {
    loop_.context().count(counter::authentication_failure);
    observe::log_limited(observe::log_module::auth, observe::log_level::warning, "Client refused",
                         {{"address", transport_->peer().address}, {"reason", outcome.why}});
    return disconnect(outcome.reason, mqtt::to_string(outcome.reason));
  }
  const bool success = outcome.what == auth::outcome::kind::success;
  if (success) admission_->exchange.reset();
  if (success && !admission_->again) {
    admission_->order->authentication_data = std::move(outcome.data);
    return admit(auth::verdict::accept(std::move(outcome.username), "enhanced authentication"));
  }
  mqtt::auth_packet answer;
  answer.reason = success ? reason_code::success : reason_code::continue_authentication;
  answer.method = admission_->method;
  answer.data = std::move(outcome.data);
  if (success) loop_.context().count(counter::authentication_success);
  write(answer, 15);
  resume(by_admission);
  if (!rest_.empty()) on_read({});
}

// --- bans ------------------------------------------------------------------------------

/// Whether an administrator has banned the client, who is told so. Asked before its password
/// is looked at, and again when its user is known.
bool connection::banned() {
  auto& context = loop_.context();
  if (context.bans.version() == 0) return false;
  const auto bans = context.bans.get();
  const auto& order = *admission_->order;
  const auto* why = bans->find(order.packet.client_id, order.username, order.address,
                               loop_.loop().wall());
  if (why == nullptr) return false;
  context.count(counter::authentication_failure);
  observe::log_limited(observe::log_module::auth, observe::log_level::info,
                       "A banned client was refused",
                       {{"client", order.packet.client_id},
                        {"address", order.address},
                        {"banned as", to_string(why->as)}});
  refused(reason_code::banned, mqtt::to_string(reason_code::banned));
  return true;
}

// --- to another server [MQTT 5.0, 4.11] --------------------------------------------

/// Whether the client was told to use another server, because the node drains.
/// Version 3 has no better word than "server unavailable".
bool connection::redirected() {
  if (!loop_.context().draining.load(std::memory_order_relaxed)) return false;
  loop_.context().count(counter::clients_redirected_connect);
  refused(reason_code::use_another_server, mqtt::to_string(reason_code::use_another_server));
  return true;
}

bool connection::send_elsewhere() {
  if (state_ != state::open) return false;
  broker::kick order;
  order.reason = reason_code::use_another_server;
  order.will_grace = will_grace_seconds;
  broker::tell(session_, order);
  return true;
}

/// Goes with the reason that sends a client elsewhere, unless that
/// makes the packet larger than the client takes.
std::string connection::server_reference(reason_code reason) const {
  if (reason != reason_code::use_another_server) return {};
  const auto reference = loop_.context().server_reference.get();
  if (!reference) return {};
  const bool fits = client_packet_limit_ == 0 || reference->size() + 32 <= client_packet_limit_;
  return fits ? *reference : std::string();
}

}  // namespace troupe::device
