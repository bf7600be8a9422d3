#include "actors/device/connection.hpp"

#include "actors/broker/tell.hpp"
#include "actors/device/device_loop.hpp"
#include "actors/observe/log.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "protocol/topics/names.hpp"

namespace troupe::device {

using mqtt::reason_code;
using observe::counter;

namespace {

// Bytes of a client that shards and store may have in hand before its socket
// is left alone.
constexpr std::int64_t credit_limit = 256 * 1024;

}  // namespace

/// Counts what is in hand; outlives the connection while a batch is worked on.
class connection::gauge final : public broker::flow_gauge {
 public:
  gauge(device_loop& loop, std::uint64_t number) : loop_(loop), number_(number) {}

  bool take(std::size_t bytes) {
    const auto now = static_cast<std::int64_t>(bytes) + in_hand_.fetch_add(static_cast<std::int64_t>(bytes));
    if (now < credit_limit) return true;
    waiting_.store(true);
    // It may all have come back in between.
    return in_hand_.load() <= credit_limit / 2 && waiting_.exchange(false);
  }
  void given_back(std::size_t bytes) noexcept override {
    const auto left = in_hand_.fetch_sub(static_cast<std::int64_t>(bytes)) - static_cast<std::int64_t>(bytes);
    if (left > credit_limit / 2 || !waiting_.load() || !waiting_.exchange(false)) return;
    loop_.loop().post([&loop = loop_, number = number_] {
      if (auto* c = loop.find(number)) c->credit_returned();
    });
  }

 private:
  device_loop& loop_;
  const std::uint64_t number_;
  std::atomic<std::int64_t> in_hand_{0};
  std::atomic<bool> waiting_{false};
};

connection::connection(device_loop& owner, std::uint64_t number,
                       std::shared_ptr<const listener_settings> settings,
                       std::shared_ptr<std::atomic<std::uint64_t>> listener_count)
    : loop_(owner),
      settings_(std::move(settings)),
      listener_count_(std::move(listener_count)),
      number_(number) {
  listener_count_->fetch_add(1);
}

connection::~connection() {
  if (owner_ != nullptr) owner_->device_lost();
  if (scheduled()) loop_.loop().timers().cancel(*this);
  no_longer_in_progress();
  listener_count_->fetch_sub(1);
}

void connection::start(const net::loop_context& net, int fd, std::string peer, bool loopback) {
  transport_ = net::make_transport(net, fd, std::move(peer), loopback, settings_->transport);
  auto& loop = loop_.loop();
  connect_due_ = loop.now() + settings_->connect_timeout_ms;
  loop.timers().schedule(*this, std::min(connect_due_, loop.now() + connect_gate::patience_ms));
  transport_->start(*this);
}

void connection::on_open(const net::peer_info&) { state_ = state::connecting; }

// --- bytes in ----------------------------------------------------------------

void connection::on_read(std::string_view bytes) {
  heard_at_ = loop_.loop().now();
  loop_.counters().add(counter::bytes_received, bytes.size());
  if (state_ == state::closing) return;
  if (rest_.empty()) {
    const auto used = parse(bytes);
    bytes.remove_prefix(used);
    if (!bytes.empty() && state_ != state::closing) rest_.assign(bytes);
  } else {
    rest_.append(bytes);
    consume(rest_);
  }
}

void connection::consume(std::string_view bytes) {
  const auto used = parse(bytes);
  if (used == rest_.size() || state_ == state::closing)
    std::string().swap(rest_);
  else
    rest_.erase(0, used);
}

std::size_t connection::parse(std::string_view bytes) {
  std::size_t used = 0;
  // A read that an exception has ended may have left packets of another connection.
  (void)loop_.take_batch();
  // What follows a CONNECT waits until the session is there.
  while (state_ == state::connecting || state_ == state::open ||
         (state_ == state::authenticating && admission_ && admission_->exchange)) {
    const auto next = mqtt::next_frame(bytes.substr(used), settings_->max_packet_size);
    if (next.status == mqtt::frame_status::incomplete) {
      // The whole packet will be needed: room for it at once, if it is large.
      if (next.size > 4096 && rest_.capacity() < next.size) rest_.reserve(next.size);
      break;
    }
    if (next.status == mqtt::frame_status::too_large) {
      fail(reason_code::packet_too_large, "Packet larger than allowed");
      break;
    }
    if (next.status == mqtt::frame_status::malformed) {
      fail(reason_code::malformed_packet, "Malformed fixed header");
      break;
    }
    used += next.size;
    if (!on_frame(next.frame)) break;
  }
  hand_over(used);
  return used;
}

bool connection::on_frame(const mqtt::frame& frame) {
  using mqtt::packet_type;
  const auto type = frame.type();
  loop_.counters().add(observe::packets_received(static_cast<unsigned>(type)));
  if (state_ == state::connecting) {
    if (type == packet_type::connect) return on_connect(frame);
    return fail(reason_code::protocol_error, "First packet is not CONNECT");
  }
  if (type == packet_type::auth) return on_auth(frame);
  if (state_ != state::open) {
    if (type == packet_type::disconnect) {
      close();
      return false;
    }
    return fail(reason_code::protocol_error, "Packet other than AUTH during authentication");
  }
  switch (type) {
    case packet_type::publish:
      return on_publish(frame);
    case packet_type::puback:
    case packet_type::pubrec:
    case packet_type::pubrel:
    case packet_type::pubcomp:
      return on_ack(frame);
    case packet_type::subscribe:
      return add(mqtt::decode_subscribe(frame, version_));
    case packet_type::unsubscribe:
      return add(mqtt::decode_unsubscribe(frame, version_));
    case packet_type::disconnect:
      return add(mqtt::decode_disconnect(frame, version_));
    case packet_type::pingreq: {
      if (frame.flags() != 0 || !frame.body.empty())
        return fail(reason_code::malformed_packet, "Malformed PINGREQ");
      loop_.batch().packets.emplace_back(mqtt::pingreq_packet{});
      return true;
    }
    default:
      return fail(reason_code::protocol_error, "Packet that a client may not send");
  }
}

template <class Packet>
bool connection::add(mqtt::decoded<Packet> packet) {
  if (!packet) return fail(packet.error().reason, packet.error().sentence);
  loop_.batch().packets.emplace_back(std::make_unique<broker::client_request>(std::move(*packet)));
  return true;
}

bool connection::on_ack(const mqtt::frame& frame) {
  const auto ack = mqtt::decode_ack(frame, version_);
  if (!ack) return fail(ack.error().reason, ack.error().sentence);
  loop_.batch().packets.emplace_back(broker::client_ack{ack->kind, ack->id, ack->reason});
  return true;
}

bool connection::on_publish(const mqtt::frame& frame) {
  mqtt::publish_packet p;
  if (auto error = mqtt::decode_publish(frame, version_, p))
    return fail(error->reason, error->sentence);
  if (!p.subscription_ids.empty())
    return fail(reason_code::protocol_error, "Subscription identifier from a client");
  if (p.topic_alias != 0) {
    if (!aliases_in_)
      aliases_in_ = std::make_unique<session::inbound_aliases>(settings_->max_topic_alias);
    if (!aliases_in_->allowed(p.topic_alias))
      return fail(reason_code::topic_alias_invalid, "Topic alias above the maximum");
    if (!p.topic.empty())
      aliases_in_->set(p.topic_alias, p.topic);
    else
      p.topic = aliases_in_->find(p.topic_alias);
    if (p.topic.empty())
      return fail(reason_code::protocol_error, "Topic alias that was never set");
  }
  if (topics::levels(p.topic) > settings_->max_topic_levels)
    return fail(reason_code::topic_name_invalid, "Topic with too many levels");

  mqtt::message::fields f;
  f.topic = p.topic;
  f.payload = p.payload;
  f.properties = p.properties;
  f.level = p.level;
  f.retain = p.retain;
  f.publisher = session_id_;
  f.received_at = loop_.loop().wall();
  if (loop_.latencies().takes(f.received_at)) f.timed_at = loop_.loop().wall_us();
  auto expiry = p.expiry;
  if (const auto most = settings_->max_message_expiry; most != 0 && (!expiry || *expiry > most))
    expiry = static_cast<std::uint32_t>(most);
  if (expiry) f.expires_at = f.received_at + std::int64_t{*expiry} * 1000;
  loop_.batch().packets.emplace_back(broker::client_publish{mqtt::message::make(f), p.id});
  return true;
}

void connection::hand_over(std::size_t bytes) {
  auto batch = loop_.take_batch();
  if (!batch) return;
  batch->connection = number_;
  if (!gauge_) gauge_ = std::make_shared<gauge>(loop_, number_);
  batch->held.take(gauge_, bytes);
  if (!gauge_->take(bytes)) pause(by_credit);
  if (loop_.store_is_behind()) {
    pause(by_store);
    loop_.wait_for_store(number_);
  }
  // It may end this connection, but not the loop.
  auto& loop = loop_;
  broker::client_input input{std::move(batch)};
  broker::tell_now(session_, std::move(input));
  loop.give_batch(std::move(input.batch));
}

bool connection::fail(reason_code reason, const char* sentence) {
  loop_.counters().add(counter::malformed_packets);
  observe::log_limited(observe::log_module::net, observe::log_level::info,
                       "Connection ended for what it sent",
                       {{"address", transport_->peer().address}, {"reason", sentence}});
  // The packets before the bad one count.
  hand_over(0);
  disconnect(reason, sentence);
  return false;
}

void connection::pause(unsigned why) {
  if (paused_ == 0) {
    transport_->pause_reading();
    if (why != by_admission) loop_.counters().add(counter::backpressure_pauses);
  }
  paused_ = static_cast<std::uint8_t>(paused_ | why);
}

void connection::resume(unsigned why) {
  if ((paused_ & why) == 0) return;
  paused_ = static_cast<std::uint8_t>(paused_ & ~why);
  if (paused_ == 0 && state_ != state::closing) transport_->resume_reading();
}

void connection::credit_returned() { resume(by_credit); }
void connection::store_caught_up() { resume(by_store); }

// --- the end ---------------------------------------------------------------------

void connection::close() { close("Closed by the broker or by DISCONNECT"); }

void connection::close(std::string_view why) {
  if (state_ == state::closing) return;
  state_ = state::closing;
  no_longer_in_progress();
  if (auto* owner = std::exchange(owner_, nullptr)) owner->device_lost();
  transport_->close();
  leave(why);
}

void connection::leave(std::string_view why) {
  // At once, not when the last byte is gone: the client may be back by then.
  if (auto session = std::exchange(session_, nullptr))
    broker::tell(session, broker::client_gone{number_, std::string(why)});
}

void connection::flush_turn() { transport_->flush(); }

void connection::on_drained() {
  if (!std::exchange(drain_wanted_, false)) return;
  broker::tell(session_, broker::client_drained{number_});
}

void connection::on_closed(std::string_view why) {
  if (state_ == state::handshake) {
    const bool proxy = transport_->peer().awaits_proxy_header;
    loop_.counters().add(proxy ? counter::connections_refused_proxy_header
                               : counter::connections_refused_handshake);
    observe::log_limited(observe::log_module::net, observe::log_level::info,
                         proxy ? "A connection without a good PROXY header was refused"
                               : "A handshake of TLS or WebSocket failed",
                         {{"listener", settings_->name},
                          {"address", transport_->peer().address},
                          {"reason", why}});
  }
  if (state_ == state::opening) {
    // A session may hold this port by now and is not known here: it stays until
    // the session answers, and is told then.
    state_ = state::abandoned;
    if (scheduled()) loop_.loop().timers().cancel(*this);
    return;
  }
  if (auto* owner = std::exchange(owner_, nullptr)) owner->device_lost();
  leave(why);
  forget();
}

broker::device_view connection::look() const {
  broker::device_view v;
  if (transport_) v.address = transport_->peer().address;
  v.listener = settings_->name;
  v.keep_alive = keep_alive_;
  v.blocked = drain_wanted_;
  return v;
}

void connection::no_longer_in_progress() {
  if (std::exchange(in_progress_, false)) loop_.gate().leave();
}

void connection::forget() {
  state_ = state::closing;
  no_longer_in_progress();
  loop_.remove(number_);
}

// --- time ------------------------------------------------------------------------

void connection::keep_alive(std::uint16_t seconds) {
  auto& loop = loop_.loop();
  loop.timers().cancel(*this);
  keep_alive_ = seconds;
  heard_at_ = loop.now();
  if (seconds != 0) loop.timers().schedule(*this, heard_at_ + seconds * std::int64_t{1500});
}

void connection::on_timer() {
  auto& loop = loop_.loop();
  if (state_ == state::closing || state_ == state::abandoned) return;
  if (state_ != state::open && loop.now() < connect_due_) {
    // It may go on, but keeps nobody out any more.
    if (state_ == state::handshake || state_ == state::connecting) no_longer_in_progress();
    return loop.timers().schedule(*this, connect_due_);
  }
  if (state_ != state::open) {
    loop_.counters().add(counter::connect_timeouts);
    return transport_->abort();
  }
  // [MQTT-3.1.2-22]: one and a half times the keep-alive. What we did not read
  // because the broker was busy does not count against the client.
  const auto due = heard_at_ + keep_alive_ * std::int64_t{1500};
  if (loop.now() < due || paused_ != 0) {
    loop.timers().schedule(*this, std::max(due, loop.now() + 100));
    return;
  }
  loop_.counters().add(counter::keep_alive_timeouts);
  disconnect(reason_code::keep_alive_timeout, "Nothing was heard for too long");
}

}  // namespace troupe::device
