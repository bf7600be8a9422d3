#include "tools/troupe-bench/engine/client.hpp"

#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "tools/troupe-bench/engine/clock.hpp"
#include "tools/troupe-bench/engine/worker.hpp"

#include <cstring>
#include <sys/epoll.h>

namespace troupe::bench {
namespace {

// Between two looks at the other clients.
constexpr int reads_per_turn = 4;
constexpr std::uint32_t connect_timeout = 30;  // seconds
constexpr std::uint32_t largest_packet = 128U << 20;

}  // namespace

client::client(worker& home, const connect_settings& how, client_terms terms)
    : home_(home), how_(how), terms_(std::move(terms)) {}

client::~client() = default;

void client::fail(const std::string& sentence) {
  home_.faults().add(terms_.client_id + " at " + terms_.to->name + ": " + sentence + ".");
  end();
}

void client::end() {
  opening_is_over();
  if (stream_ && stream_->descriptor() >= 0) {
    home_.unwatch(*this);
    stream_->close(terms_.reset);
  }
  at_ = state::closed;
  out_.clear();
  wire_.clear();
  sent_ = 0;
}

void client::opening_is_over() noexcept {
  if (being_opened()) home_.opened();
}

void client::leave() {
  if (at_ == state::open) {
    mqtt::disconnect_packet goodbye;
    mqtt::encode(out(), goodbye, how_.version);
    dirty_ = true;
    flush();
    add(home_.counters().closed);
  }
  end();
}

void client::drop() {
  end();
}

void client::become(client_terms terms, std::int64_t due) {
  terms_ = std::move(terms);
  due_ = due;
}

// --- the way to CONNACK -----------------------------------------------------------

void client::open() {
  stream_ = make_stream(how_.tls, terms_.to->host);
  websocket_ = how_.websocket ? std::make_unique<websocket_client>() : nullptr;
  partial_.clear();
  blocked_ = false;
  at_ = state::connecting;
  opened_at_ = home_.second();
  const auto due = std::exchange(due_, 0);
  begun_at_ = due != 0 ? due : now_ns();
  add(home_.counters().begun);
  if (const int error = stream_->open(*terms_.to, terms_.source); error != 0)
    return fail(std::string("cannot connect: ") + std::strerror(error));
  home_.watch(*this);
}

void client::go_on() {
  if (at_ == state::connecting) {
    if (const int error = stream_->connect_error(); error != 0)
      return fail(std::string("cannot connect: ") + std::strerror(error));
    at_ = state::securing;
  }
  if (at_ != state::securing) return;
  switch (stream_->handshake()) {
    case io::again:
      return;
    case io::done:
      return secured();
    default:
      return fail("the handshake failed: " + stream_->why());
  }
}

void client::secured() {
  if (!websocket_) return greet();
  at_ = state::upgrading;
  wire_ = websocket_client::request(terms_.to->host, how_.websocket_path);
  dirty_ = true;
  flush();
}

void client::greet() {
  at_ = state::greeting;
  mqtt::connect_packet connect;
  connect.version = how_.version;
  connect.client_id = terms_.client_id;
  connect.clean_start = terms_.clean;
  connect.keep_alive = how_.keep_alive;
  connect.session_expiry = terms_.session_expiry;
  if (!how_.user.empty()) connect.username = how_.user;
  if (!how_.password.empty()) connect.password = how_.password;
  mqtt::encode(out(), connect, how_.version);
}

void client::handle_connack(const mqtt::frame& packet) {
  const auto connack = mqtt::decode_connack(packet, how_.version);
  if (packet.type() != mqtt::packet_type::connack || !connack)
    return fail("it answered CONNECT with something else");
  if (mqtt::is_error(connack->reason))
    return fail("it refused the connection: " + std::string(mqtt::to_string(connack->reason)));
  opening_is_over();
  at_ = state::open;
  receive_maximum_ = connack->receive_maximum;
  if (connack->session_present && terms_.clean)
    return fail("it kept a session that was to start clean");
  add(home_.counters().connected);
  if (connack->session_present) add(home_.counters().resumed);
  on_open(connack->session_present);
}

// --- reading ------------------------------------------------------------------------

void client::on_events(std::uint32_t events) {
  if (at_ == state::connecting || at_ == state::securing) go_on();
  if (at_ == state::closed || at_ == state::idle || at_ == state::connecting ||
      at_ == state::securing)
    return;
  if ((events & EPOLLOUT) != 0 && blocked_) {
    blocked_ = false;
    dirty_ = true;
    flush();
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) read();
}

void client::read_more() {
  read();
}

void client::read() {
  auto& buffer = home_.buffer();
  for (int turn = 0; turn < reads_per_turn; ++turn) {
    if (at_ == state::closed) return;
    const auto got = stream_->read(buffer.data(), buffer.size());
    if (got.status == io::again) return;
    if (got.status != io::done) {
      if (at_ != state::closed)
        fail(stream_->why().empty() ? "it closed the connection" : stream_->why());
      return;
    }
    now_ = now_ns();
    take({buffer.data(), got.bytes});
    if (got.bytes < buffer.size() && stream_->short_read_is_last()) return;
  }
  if (at_ != state::closed) home_.read_later(*this);
}

void client::take(std::span<char> bytes) {
  if (!websocket_) return take_mqtt({bytes.data(), bytes.size()});
  std::string rest;
  if (at_ == state::upgrading) {
    const bool upgraded = websocket_->take_answer({bytes.data(), bytes.size()}, rest);
    if (!websocket_->why().empty()) return fail(websocket_->why());
    if (!upgraded) return;
    greet();
    bytes = {rest.data(), rest.size()};
  }
  std::string replies;
  const auto mqtt = websocket_->decode(bytes, replies);
  if (!replies.empty()) {
    wire_ += replies;
    out();
  }
  take_mqtt(mqtt);
  if (!websocket_->why().empty() && at_ != state::closed) fail(websocket_->why());
}

void client::take_mqtt(std::string_view bytes) {
  if (partial_.empty()) {
    const auto used = take_packets(bytes);
    if (at_ != state::closed) partial_.assign(bytes.substr(used));
    return;
  }
  partial_.append(bytes);
  const auto whole = std::exchange(partial_, {});
  const auto used = take_packets(whole);
  if (at_ != state::closed) partial_.assign(whole, used);
}

std::size_t client::take_packets(std::string_view bytes) {
  std::size_t used = 0;
  while (at_ != state::closed) {
    const auto found = mqtt::next_frame(bytes.substr(used), largest_packet);
    if (found.status == mqtt::frame_status::incomplete) {
      // A large packet comes in many reads: room for all of it at once.
      if (found.size > bytes.size() - used) partial_.reserve(found.size);
      break;
    }
    if (found.status != mqtt::frame_status::complete) {
      fail("it sent a malformed packet");
      break;
    }
    used += found.size;
    handle(found.frame);
  }
  return used;
}

void client::handle(const mqtt::frame& packet) {
  if (at_ == state::greeting) return handle_connack(packet);
  switch (packet.type()) {
    case mqtt::packet_type::pingresp:
      return;
    case mqtt::packet_type::disconnect: {
      const auto goodbye = mqtt::decode_disconnect(packet, how_.version);
      return fail("it disconnected: " +
                  (goodbye ? std::string(mqtt::to_string(goodbye->reason)) : "malformed"));
    }
    default:
      return on_packet(packet, now_);
  }
}

// --- writing --------------------------------------------------------------------------

std::string& client::out() {
  if (!dirty_ && at_ != state::closed) {
    dirty_ = true;
    home_.flush_later(*this);
  }
  return out_;
}

void client::subscribe(const std::string& filter, mqtt::qos level) {
  mqtt::subscribe_packet packet;
  packet.id = 1;
  mqtt::subscription_options options;
  options.maximum_qos = level;
  packet.entries.push_back({filter, options});
  mqtt::encode(out(), packet, how_.version);
}

void client::acknowledge(mqtt::packet_type type, mqtt::packet_id id) {
  const auto flags = type == mqtt::packet_type::pubrel ? 2U : 0U;
  const char packet[4] = {static_cast<char>(static_cast<unsigned>(type) << 4 | flags), 2,
                          static_cast<char>(id >> 8), static_cast<char>(id & 0xFF)};
  out().append(packet, sizeof(packet));
}

void client::flush() {
  if (!std::exchange(dirty_, false) || blocked_ || at_ == state::closed) return;
  if (!out_.empty()) {
    if (websocket_) websocket_client::append_header(wire_, out_.size());
    if (wire_.empty())
      wire_.swap(out_);
    else
      wire_.append(out_);
    out_.clear();
  }
  while (sent_ < wire_.size()) {
    const auto put = stream_->write(wire_.data() + sent_, wire_.size() - sent_);
    if (put.status == io::again) {
      blocked_ = true;
      return;
    }
    // Reading will say why.
    if (put.status != io::done) return;
    sent_ += put.bytes;
  }
  wire_.clear();
  sent_ = 0;
  last_sent_ = home_.second();
}

void client::on_second() {
  const auto second = home_.second();
  if (being_opened() && second - opened_at_ > connect_timeout)
    return fail("it did not answer within 30 s");
  if (at_ != state::open || how_.keep_alive == 0) return;
  if (second - last_sent_ < how_.keep_alive * 3U / 4) return;
  mqtt::encode(out(), mqtt::pingreq_packet{}, how_.version);
}

}  // namespace troupe::bench
