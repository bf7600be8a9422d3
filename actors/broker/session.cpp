#include "actors/broker/session.hpp"

#include <algorithm>

#include "actors/broker/tell.hpp"
#include "actors/broker/trace/session_trace.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "cluster/shard_hash.hpp"

namespace troupe::broker {

using observe::counter;
using observe::log_event;
using observe::log_level;
using observe::log_module;

session::session(caf::actor_config& cfg, broker_context& context, session_birth birth)
    : lean_actor(cfg),
      context_(context),
      limits_(context.limits.get()),
      who_(std::move(birth.who)),
      client_hash_(cluster::stable_hash(client_id())),
      shard_(std::move(birth.shard)),
      inbound_(*limits_, who_->durable()),
      outbound_(*limits_, who_->durable()) {
  if (!birth.woken) return;
  phase_ = phase::loading;
  fresh_ = false;
  stored_ = true;
  for (auto& s : birth.subscriptions)
    subscriptions_.emplace(std::move(s.filter), held_subscription{s.options, s.subscription_id});
  username_ = std::move(birth.record.username);
  version_ = birth.record.version;
  expiry_ = birth.record.expiry;
  if (auto& will = birth.record.will) will_ = std::make_unique<mqtt::will>(std::move(*will));
  disconnected_at_ = birth.record.disconnected_at;
  last_ = std::move(birth.last);
}

session::~session() = default;

void session::on_exit(const caf::error& reason) {
  if (auto* loop = runtime::run_loop::current(); loop != nullptr && loop == home()) {
    cancel_timer();
    retries_.reset();
  }
  disconnect(mqtt::reason_code::unspecified_error, "The session failed");
  who_->gone(ctrl());  // each would keep the other alive
  lean_actor::on_exit(reason);
}

void session::cancel_timer() {
  if (scheduled()) home()->timers().cancel(*this);
}

std::int64_t session::now() const { return runtime::run_loop::current()->wall(); }

void session::receive(caf::mailbox_element& m) {
  runtime::incoming in(m);
  if (auto* input = in.as<client_input>()) {
    on_input(input->batch);
  } else if (auto* d = in.as<deliver>()) {
    on_deliver(d->messages);
  } else if (auto* alike = in.as<deliver_alike>()) {
    on_deliver(*alike);
  } else if (auto* outcome = in.as<publish_outcome>()) {
    if (phase_ == phase::ending && (outcome->outcomes.front().first & hand_over_token) != 0)
      handed_on(outcome->outcomes);
    else
      on_outcomes(outcome->outcomes);
  } else if (auto* work = in.as<deferred>()) {
    work->run();
  } else if (auto* drained = in.as<client_drained>()) {
    if (drained->connection == connection_ && device_ != nullptr) outbound_.pump(now(), *this);
  } else if (auto* changed = in.as<route_changed>()) {
    on_route_changed(*changed);
  } else if (auto* wanted = in.as<attach_client>()) {
    on_attach(wanted->order);
  } else if (auto* gone = in.as<client_gone>()) {
    on_gone(*gone);
  } else if (auto* order = in.as<kick>()) {
    on_kick(*order);
  } else if (in.as<wake_session>() != nullptr) {
    if (phase_ == phase::loading) load();
  } else if (in.as<trim_queue>() != nullptr) {
    if (phase_ == phase::loading) load();
    trim();
  } else if (auto* queue = in.as<queue_elsewhere>()) {
    rare().elsewhere = *queue;
  } else if (in.as<reread>() != nullptr) {
    if (phase_ == phase::active) outbound_.reread(*this);
  } else if (in.as<shut_down>() != nullptr) {
    on_shut_down();
  } else if (in.as<forget>() != nullptr) {
    quit(caf::exit_reason::normal);
    return;
  }
  if (!held_input_.empty() && changes_.empty()) continue_input();
  if (!replays_.empty()) continue_replay();
  flush();
  if (yielding_) yield_when_idle();
}

// --- connections ---------------------------------------------------------------

void session::on_attach(const connect_order_ptr& order) {
  // Whoever wanted it elsewhere came before this one.
  yielding_ = false;
  if (phase_ == phase::resting || (phase_ == phase::ending && end_told_)) {
    tell(shard_, reopen{order});
    return;
  }
  if (order->sequence < sequence_) return refuse(*order, mqtt::reason_code::session_taken_over);
  sequence_ = order->sequence;
  if (phase_ != phase::active) return wait(order);
  if (connected_) take_over();
  // [MQTT-3.1.2-23]: over with its connection, or since a time at which nobody
  // looked; the new one finds nothing.
  if (now() >= expires_at()) {
    wait(order);
    return end();
  }
  auto& loop = context_.loops.loop(order->loop);
  if (&loop != home()) {
    leave_loop();
    move_home(loop);
    // Goes on there, behind what waits for us already.
    tell(strong(*this), attach_client{order});
    return;
  }
  begin(order);
}

void session::wait(const connect_order_ptr& order) {
  for (auto& earlier : waiting_) refuse(*earlier, mqtt::reason_code::session_taken_over);
  waiting_.clear();
  waiting_.push_back(order);
  if (phase_ == phase::loading) load();
}

void session::take_over() {
  context_.count(counter::sessions_taken_over);
  disconnect(mqtt::reason_code::session_taken_over, "Another connection took over");
  say_farewell("Another connection took over");
  // [MQTT-3.1.3-9]: with a delay, the new connection keeps the will from being sent.
  if (will_ && will_->delay == 0) publish_will();
  will_.reset();
  go_offline();
  disconnected_at_ = now();
}

void session::begin(const connect_order_ptr& order) {
  cancel_timer();
  auto& devices = context_.devices[order->loop];
  auto it = devices.find(order->connection);
  const auto& packet = order->packet;
  order_ = order;
  connection_ = order->connection;
  device_ = it == devices.end() ? nullptr : it->second;
  version_ = packet.version;
  username_ = order->username;
  loopback_ = order->loopback;
  will_ = packet.will ? std::make_unique<mqtt::will>(*packet.will) : nullptr;
  expiry_ = std::min(packet.session_expiry, limits_->max_session_expiry);
  disconnected_at_ = 0;
  connected_at_ = now();
  clean_goodbye_ = false;
  input_over_ = false;
  connected_ = true;
  if (context_.traced()) session_trace::connected(*this, *order);
  who_->durable(expiry_ != 0);
  yielding_ = false;
  who_->actor(strong(*this));
  who_->online(device_ != nullptr);
  announce_presence();
  context_.count(fresh_ ? counter::sessions_created : counter::sessions_resumed);
  context_.count(counter::clients_connected);
  const auto online = context_.connected.fetch_add(1) + 1;
  auto most = context_.connected_maximum.load();
  while (most < online && !context_.connected_maximum.compare_exchange_weak(most, online)) {
  }
  outbound_.durable(durable());
  inbound_.durable(durable());
  if (durable() && !stored_) {
    stored_ = true;
    context_.durable_sessions.fetch_add(1);
    for (const auto& [filter, terms] : subscriptions_)
      writes().put_subscription(who_->id(), {filter, terms.options, terms.subscription_id});
  }
  if (stored_) {
    writes().put_session(record(0));
    then({after_commit::kind::connack, connection_, false});
  } else {
    send_connack();
  }
  if (context_.client_event)
    context_.client_event(true, client_id(), username_, order->address, {});
  log_event(log_module::session, log_level::debug, "Client connected",
            {{"client", client_id()}, {"address", order->address}, {"user", username_}});
}

void session::send_connack() {
  if (!order_) return;
  const auto order = std::exchange(order_, nullptr);
  const bool present = !fresh_;
  if (session_trace::on(*this)) session_trace::connack(*this, present);
  fresh_ = false;
  if (device_ == nullptr) return;  // it is gone already; client_gone is on its way
  const auto& packet = order->packet;
  mqtt::connack_packet connack;
  connack.session_present = present;
  if (expiry_ != packet.session_expiry) connack.session_expiry = expiry_;
  connack.receive_maximum = limits_->receive_maximum;
  connack.topic_alias_maximum = limits_->max_topic_alias;
  if (order->assigned_client_id) connack.assigned_client_id = client_id();
  const auto most = limits_->max_keep_alive;
  if (most != 0 && (packet.keep_alive == 0 || packet.keep_alive > most))
    connack.server_keep_alive = most;
  if (packet.request_response_information)
    connack.response_information = "response/" + client_id() + "/";
  connack.authentication_method = packet.authentication_method;
  connack.authentication_data = order->authentication_data;
  device_->accepted(who_->id(), strong(*this), *this, connack);
  inbound_.connected(version_);
  outbound_.connected({version_, packet.receive_maximum, packet.maximum_packet_size}, now(), *this);
}

void session::refuse(const connect_order& order, mqtt::reason_code reason) {
  if (context_.traced()) session_trace::refused(*this, order, reason);
  context_.loops.loop(order.loop).post([&context = context_, loop = order.loop,
                                        number = order.connection, reason] {
    auto& devices = context.devices[loop];
    if (auto it = devices.find(number); it != devices.end())
      it->second->disconnect(reason, mqtt::to_string(reason));
  });
}

void session::on_gone(const client_gone& gone) {
  if (!connected_ || gone.connection != connection_) return;
  device_ = nullptr;
  changes_.clear();
  // The connection does not know why it was closed from here.
  const std::string why = clean_goodbye_ ? "The client said goodbye" : gone.why;
  log_event(log_module::session, log_level::debug, "Client disconnected",
            {{"client", client_id()}, {"why", why}});
  if (context_.client_event) context_.client_event(false, client_id(), username_, {}, why);
  say_farewell(why);
  go_offline();
  if (expiry_ == 0) return end();
  disconnected_at_ = now();
  if (clean_goodbye_) will_.reset();
  if (will_ && will_->delay == 0) publish_will();
  if (phase_ == phase::active) {
    writes().put_session(record(disconnected_at_));
    plan_offline_timer();
  }
}

void session::say_farewell(std::string_view why) {
  if (session_trace::on(*this)) session_trace::gone(*this, why);
  if (!last_) last_ = std::make_unique<farewell>();
  last_->why = why;
  last_->at = now();
}

void session::go_offline() {
  connected_ = false;
  connected_at_ = 0;
  order_.reset();
  replays_.clear();
  changes_.clear();
  held_input_.clear();
  who_->online(false);
  announce_presence();
  note_taken();
  inbound_.disconnected();
  outbound_.disconnected();
  if (counts_) counts_->publishing = counts_->receiving = {};
  context_.connected.fetch_sub(1);
  context_.count(counter::clients_disconnected);
}

// --- waking ----------------------------------------------------------------------

void session::load() {
  if (std::exchange(loading_, true)) return;
  ++commits_under_way_;
  read_contents();
}

void session::read_contents() {
  context_.store.read_contents(
      who_->id(), [self = strong(*this), this](storage::session_contents contents) {
        auto kept = std::make_shared<storage::session_contents>(std::move(contents));
        tell(self, deferred{[this, kept] { loaded(std::move(*kept)); }});
      });
}

void session::loaded(storage::session_contents contents) {
  if (contents.failed) {
    // Without it nothing can be promised: whoever waits may come again.
    for (auto& order : std::exchange(waiting_, {}))
      refuse(*order, mqtt::reason_code::server_unavailable);
    return try_again_later([this] { read_contents(); });
  }
  --commits_under_way_;
  if (phase_ != phase::loading) return;
  phase_ = phase::active;
  context_.count(counter::sessions_woken);
  if (!kept_elsewhere()) who_->found(contents.queued, contents.queued_bytes);
  inbound_.restore(contents.received);
  std::vector<troupe::session::stored_exchange> exchanges;
  for (const auto& x : contents.outgoing) exchanges.push_back({x.id, x.order, x.released});
  outbound_.restore(std::move(exchanges));
  if (end_when_loaded_) return end();
  if (rare_)
    for (const auto& drop : std::exchange(rare_->drops, {})) drop_queue(drop);
  trim();
  if (waiting_.empty()) return plan_offline_timer();
  const auto order = waiting_.front();
  waiting_.clear();
  on_attach(order);
}

storage::session_record session::record(std::int64_t disconnected_at) const {
  storage::session_record r;
  r.id = who_->id();
  r.client_id = client_id();
  r.username = username_;
  r.version = version_;
  r.expiry = expiry_;
  r.disconnected_at = disconnected_at;
  r.life = who_->life();
  if (will_) r.will = *will_;
  return r;
}

}  // namespace troupe::broker
