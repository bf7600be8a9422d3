#include "protocol/session/outbound_flow.hpp"

#include "protocol/mqtt/encoder.hpp"

#include <algorithm>
#include <utility>

namespace troupe::session {

namespace {

// In live mode the floor stands still; a one-entry page now and then lets it
// follow, so that a later read does not wade through all that was deleted.
constexpr std::uint32_t floor_refresh = 10'000;

// So many messages before it is sent, or let go of, one is fetched from memory.
constexpr std::size_t fetch_ahead = 4;

}  // namespace

outbound_flow::outbound_flow(const session_limits& limits, bool durable)
    : limits_(limits), durable_(durable), stored_mode_(false) {}

// --- messages from the topic shards and from the store ----------------------

void outbound_flow::offer(delivery&& message, std::int64_t now, session_effects& fx, bool patient) {
  if (message.level == mqtt::qos::at_most_once) {
    if (!has_client_) return;
    if (unsendable(message, now, fx)) return;
    if (!patient && !fx.writable()) return fx.dropped(*message.body, drop_reason::output_full);
    return fx.send(
        {message.body.get(), 0, message.level, message.retain, false, message.subscription_ids});
  }
  if (message.stored) {
    const auto order = message.stored.order;
    if (order <= floor_) return;
    if (dropped_.erase_if([order](std::uint64_t each) { return each == order; }) != 0) return;
    if (stored_mode_ || !has_client_) {
      enter_stored_mode();
      latest_ = std::max(latest_, order);
      return request_page(fx);
    }
    if (reading_ && held(order)) return;
    if (++live_count_ >= floor_refresh) request_page(fx);
  }
  // The way of a sparse message: nothing is before it.
  if (queue_.empty() && !resending_ && !stored_mode_ && has_client_ && may_start(fx) &&
      (message.stored || make_room(bytes_of(message), fx))) {
    if (unsendable(message, now, fx)) {
      if (message.stored) settle(message, fx);
      return;
    }
    if (auto* x = admit(std::move(message))) return start(*x, now, fx);
  }
  enqueue(std::move(message), fx);
  pump(now, fx);
}

void outbound_flow::enqueue(delivery&& message, session_effects& fx) {
  const auto bytes = bytes_of(message);
  if (message.stored) {
    const bool full =
        queue_.size() >= limits_.cached_messages || queued_bytes_ + bytes > limits_.cached_bytes;
    // One is always taken, whatever its size, or a large message would never leave the disk.
    if (full && !queue_.empty()) {
      latest_ = std::max(latest_, message.stored.order);
      return enter_stored_mode();
    }
  } else if (!make_room(bytes, fx)) {
    return fx.dropped(*message.body, drop_reason::queue_full);
  }
  queued_bytes_ += bytes;
  queue_.push_back(std::move(message));
}

bool outbound_flow::make_room(std::size_t bytes, session_effects& fx) {
  auto full = [&] {
    return queue_.size() >= limits_.max_queued_messages ||
           queued_bytes_ + bytes > limits_.max_queued_bytes;
  };
  while (full()) {
    if (limits_.full_queue == queue_policy::drop_newest || queue_.empty()) return false;
    queued_bytes_ -= bytes_of(queue_.front());
    fx.dropped(*queue_.front().body, drop_reason::queue_full);
    if (queue_.front().stored) settle(queue_.front(), fx);
    queue_.pop_front();
  }
  return true;
}

void outbound_flow::request_page(session_effects& fx) {
  if (reading_ || !has_client_) return;
  std::uint32_t count = 1;
  if (stored_mode_) {
    if (queue_.size() > limits_.cached_messages / 2 || queued_bytes_ > limits_.cached_bytes / 2)
      return;
    count = limits_.cached_messages;
  }
  reading_ = true;
  reading_from_ = floor_;
  live_count_ = 0;
  fx.want_page(floor_, count, limits_.cached_bytes);
}

void outbound_flow::reread(session_effects& fx) {
  if (!durable_) return;
  enter_stored_mode();
  read_again_ = reading_;
  request_page(fx);
}

void outbound_flow::page(std::vector<delivery> messages, bool end, std::uint64_t through,
                         std::int64_t now, session_effects& fx) {
  reading_ = false;
  if (!has_client_) {
    settled_.clear();
    return;
  }
  // The floor went back since it was asked for, with a connection that ended:
  // what lies between must come first.
  if (floor_ < reading_from_) {
    settled_.clear();
    return request_page(fx);
  }
  for (auto& message : messages) {
    const auto order = message.stored.order;
    if (order <= floor_) continue;
    const bool known = held(order);
    floor_ = order;
    if (known) continue;
    auto* it = std::find_if(restored_.begin(), restored_.end(),
                            [&](const auto& x) { return x.order == order; });
    // Behind one of its topic that has no record because that could not be written: nothing of it
    // was sent.
    const auto unrecorded = [&](const delivery& earlier) {
      return earlier.level == mqtt::qos::exactly_once && earlier.stored &&
             earlier.stored.order < order &&
             earlier.body->topic() == message.body->topic();
    };
    bool begun = it != restored_.end();
    if (begun && std::any_of(queue_.begin(), queue_.end(), unrecorded)) {
      fx.erase_outgoing(it->id);
      restored_.erase(it);
      begun = false;
    }
    if (!begun) {
      queued_bytes_ += bytes_of(message);
      queue_.push_back(std::move(message));
      continue;
    }
    auto& x = inflight_.emplace_back(std::move(message));
    x.id = it->id;
    x.transmitted = x.resend = x.recorded = true;
    ids_ascend_ = false;
    ++inflight_count_;
    resending_ = true;
    restored_.erase(it);
  }
  settled_.clear();
  const bool older = std::exchange(read_again_, false);
  dropped_.erase_if([this](std::uint64_t order) { return order <= floor_; });
  if (end) {
    floor_ = std::max(floor_, through);
    for (const auto& gone : restored_) fx.erase_outgoing(gone.id);
    restored_.clear();
    if (stored_mode_ && latest_ <= floor_ && !older) stored_mode_ = false;
  }
  pump(now, fx);
}

void outbound_flow::settle(const delivery& message, session_effects& fx) {
  // A page that was asked for before may still hold it.
  if (reading_) settled_.push_back(message.stored.order);
  fx.settle(message.stored, bytes_of(message));
}

bool outbound_flow::held(std::uint64_t order) const noexcept {
  if (std::find(settled_.begin(), settled_.end(), order) != settled_.end()) return true;
  auto same = [order](const delivery& d) { return d.stored.order == order; };
  return std::any_of(queue_.begin(), queue_.end(), same) ||
         std::any_of(inflight_.begin(), inflight_.end(),
                     [&](const exchange& x) { return same(x.message); });
}

// --- sending -----------------------------------------------------------------

std::uint32_t outbound_flow::window() const noexcept {
  return std::min<std::uint32_t>(terms_.receive_maximum, limits_.max_inflight);
}

void outbound_flow::pump(std::int64_t now, session_effects& fx) {
  if (!has_client_) return;
  if (resending_) resend(now, fx);
  while (!resending_ && !queue_.empty() && may_start(fx)) {
    if (queue_.size() > fetch_ahead) queue_[fetch_ahead].body->prefetch();
    if (!start_next(now, fx)) break;
  }
  if (stored_mode_) request_page(fx);
}

bool outbound_flow::may_start(session_effects& fx) const {
  return outstanding_ < window() && fx.writable();
}

bool outbound_flow::start_next(std::int64_t now, session_effects& fx) {
  auto& message = queue_.front();
  if (unsendable(message, now, fx)) {
    const delivery gone = std::move(message);
    queued_bytes_ -= bytes_of(gone);
    queue_.pop_front();
    if (gone.stored) settle(gone, fx);
    return true;
  }
  const auto bytes = bytes_of(message);
  auto* x = admit(std::move(message));
  if (x == nullptr) return false;
  queued_bytes_ -= bytes;
  queue_.pop_front();
  start(*x, now, fx);
  return true;
}

/// Null: no packet id is free, though the window is far smaller than their number.
outbound_flow::exchange* outbound_flow::admit(delivery&& message) {
  const auto id = next_id();
  if (id == 0) return nullptr;
  auto& x = inflight_.emplace_back(std::move(message));
  x.id = id;
  x.counted = true;
  ++inflight_count_;
  ++outstanding_;
  return &x;
}

void outbound_flow::start(exchange& x, std::int64_t now, session_effects& fx) {
  if (!x.message.stored || x.message.level != mqtt::qos::exactly_once)
    return transmit(x, now, fx);
  x.at = stage::recording;
  x.recorded = true;
  ++recording_;
  fx.record_outgoing(x.id, x.message.stored.order, false);
}

bool outbound_flow::unsendable(const delivery& message, std::int64_t now, session_effects& fx) {
  if (message.body->expired(now)) {
    fx.dropped(*message.body, drop_reason::expired);
    return true;
  }
  if (!too_large(message)) return false;
  // [MQTT-3.1.2-25]: as if it had been sent.
  fx.dropped(*message.body, drop_reason::too_large);
  return true;
}

bool outbound_flow::too_large(const delivery& message) const {
  if (terms_.maximum_packet_size == 0) return false;
  mqtt::publish_form form;
  form.id = 1;
  form.level = message.level;
  form.subscription_ids = message.subscription_ids;
  if (message.body->expires_at() != 0) form.expiry = 1;
  return mqtt::encoded_size(*message.body, form, terms_.version) > terms_.maximum_packet_size;
}

void outbound_flow::transmit(exchange& x, std::int64_t now, session_effects& fx) {
  // It was fit to be sent when it was let in; that may be long ago, and for another connection.
  if (!x.transmitted && x.message.body->expired(now)) return skip(x, drop_reason::expired, fx);
  if (too_large(x.message)) return skip(x, drop_reason::too_large, fx);
  fx.send({x.message.body.get(), x.id, x.message.level, x.message.retain, x.transmitted,
           x.message.subscription_ids});
  x.transmitted = true;
}

void outbound_flow::resend(std::int64_t now, session_effects& fx) {
  for (auto& x : inflight_) {
    if (x.again) return;
    if (x.at == stage::recording && !x.resend) return;
    if (!x.resend || x.at == stage::done) continue;
    if ((!x.counted && outstanding_ >= window()) || !fx.writable()) return;
    x.resend = false;
    if (!x.counted) ++outstanding_;
    x.counted = true;
    if (x.at == stage::sent)
      transmit(x, now, fx);
    else if (x.at == stage::released)
      fx.send(mqtt::ack_packet{mqtt::ack_kind::pubrel, x.id, mqtt::reason_code::success, {}});
    // Recording and releasing go on when their record is committed; what is behind a message that
    // is not recorded comes behind it.
    const bool failed = x.failed;
    x.failed = false;
    if (!failed) {
      if (x.at == stage::recording) return;
      continue;
    }
    ++recording_;
    const bool released = x.at == stage::releasing;
    if (released) settle(x.message, fx);
    x.again = !released;
    fx.record_outgoing(x.id, x.message.stored.order, released);
    if (x.again) return;
  }
  resending_ = false;
  sweep();
}

/// A message in flight that expired or that this client takes no more
/// [MQTT-3.1.2-24]: as if it had been sent and acknowledged. The caller sweeps.
void outbound_flow::skip(exchange& x, drop_reason why, session_effects& fx) {
  fx.dropped(*x.message.body, why);
  // The client may know the packet id: it is free when it has been released.
  if (x.message.level == mqtt::qos::exactly_once && x.transmitted) return release(x, fx);
  if (x.message.stored) settle(x.message, fx);
  finish(x, fx);
}

// --- acknowledgements of the client -------------------------------------------

/// How far an id is from that of the oldest exchange, in the order in which ids are given.
std::uint32_t outbound_flow::place_of(mqtt::packet_id id) const noexcept {
  constexpr std::uint32_t ids = 65535;
  return (id + ids - inflight_[0].id) % ids;
}

outbound_flow::exchange* outbound_flow::find(mqtt::packet_id id) noexcept {
  if (inflight_.empty() || id == 0) return nullptr;
  if (!ids_ascend_) {
    for (auto& x : inflight_)
      if (x.id == id && x.at != stage::done) return &x;
    return nullptr;
  }
  const auto wanted = place_of(id);
  // Ids are given one after the other: with no gap before it, it stands at its number.
  if (wanted < inflight_.size() && inflight_[wanted].id == id)
    return inflight_[wanted].at != stage::done ? &inflight_[wanted] : nullptr;
  auto it = std::lower_bound(
      inflight_.begin(), inflight_.end(), wanted,
      [this](const exchange& x, std::uint32_t place) { return place_of(x.id) < place; });
  return it != inflight_.end() && it->id == id && it->at != stage::done ? &*it : nullptr;
}

const mqtt::message* outbound_flow::sent(mqtt::packet_id id) noexcept {
  const auto* x = find(id);
  return x == nullptr ? nullptr : x->message.body.get();
}

/// The caller has settled the message, and sweeps.
void outbound_flow::finish(exchange& x, session_effects& fx) {
  if (x.recorded) fx.erase_outgoing(x.id);
  x.at = stage::done;
  --inflight_count_;
  if (x.counted) --outstanding_;
  x.message = {};
}

void outbound_flow::sweep() {
  while (!inflight_.empty() && inflight_.front().at == stage::done) inflight_.pop_front();
  if (inflight_.empty()) ids_ascend_ = true;
}

void outbound_flow::release(exchange& x, session_effects& fx) {
  if (x.message.stored) {
    x.at = stage::releasing;
    ++recording_;
    x.recorded = true;
    settle(x.message, fx);
    fx.record_outgoing(x.id, x.message.stored.order, true);
    return;
  }
  x.at = stage::released;
  x.message.body.reset();
  fx.send(mqtt::ack_packet{mqtt::ack_kind::pubrel, x.id, mqtt::reason_code::success, {}});
}

void outbound_flow::puback(mqtt::packet_id id, std::int64_t now, session_effects& fx) {
  auto* x = find(id);
  if (x == nullptr) return;  // acknowledged twice: harmless
  if (x->message.level != mqtt::qos::at_least_once)
    return fx.disconnect(mqtt::reason_code::protocol_error, "PUBACK for a QoS 2 message");
  if (!x->transmitted)
    return fx.disconnect(mqtt::reason_code::protocol_error, "PUBACK for a message not sent");
  if (x->message.stored) settle(x->message, fx);
  // Acknowledgements come in the order of their messages, many at a time.
  if (inflight_.size() > fetch_ahead) {
    const auto& next = inflight_[fetch_ahead].message.body;
    if (next) next->prefetch();
  }
  finish(*x, fx);
  sweep();
  pump(now, fx);
}

void outbound_flow::pubrec(mqtt::packet_id id, mqtt::reason_code reason, std::int64_t now,
                           session_effects& fx) {
  auto* x = find(id);
  if (x == nullptr) {
    if (is_error(reason)) return;
    fx.send(mqtt::ack_packet{
        mqtt::ack_kind::pubrel, id, mqtt::reason_code::packet_identifier_not_found, {}});
    return;
  }
  const bool released = x->at == stage::released || x->at == stage::releasing;
  if (!released && (x->message.level != mqtt::qos::exactly_once || x->at != stage::sent))
    return fx.disconnect(mqtt::reason_code::protocol_error, "PUBREC for no QoS 2 message");
  if (is_error(reason)) {
    if (released) return;
    if (x->message.stored) settle(x->message, fx);
    finish(*x, fx);
    sweep();
    return pump(now, fx);
  }
  if (x->at == stage::released) {
    fx.send(mqtt::ack_packet{mqtt::ack_kind::pubrel, id, mqtt::reason_code::success, {}});
  } else if (x->at == stage::sent) {
    release(*x, fx);
  }
}

void outbound_flow::pubcomp(mqtt::packet_id id, std::int64_t now, session_effects& fx) {
  auto* x = find(id);
  if (x == nullptr) return;
  if (x->at != stage::released)
    return fx.disconnect(mqtt::reason_code::protocol_error, "PUBCOMP without PUBREL");
  finish(*x, fx);
  sweep();
  pump(now, fx);
}

void outbound_flow::recorded(mqtt::packet_id id, bool released, std::int64_t now,
                             session_effects& fx) {
  if (recording_ > 0) --recording_;
  auto* x = find(id);
  if (x == nullptr) return;
  if (!released && x->at == stage::recording) {
    x->at = stage::sent;
    x->again = false;
    if (waits_for_earlier(*x)) {
      x->resend = true;
      resending_ = true;
    }
    if (has_client_ && !x->resend) transmit(*x, now, fx);
  } else if (released && x->at == stage::releasing) {
    x->at = stage::released;
    x->message.body.reset();
    x->message.stored = {};
    if (has_client_ && !x->resend)
      fx.send(mqtt::ack_packet{mqtt::ack_kind::pubrel, id, mqtt::reason_code::success, {}});
  }
  sweep();
  pump(now, fx);
}

/// One before it is not recorded yet, or that has failed: nobody gets it before that one.
bool outbound_flow::waits_for_earlier(const exchange& x) const noexcept {
  for (const auto& each : inflight_) {
    if (&each == &x) return false;
    if (each.at == stage::recording) return true;
  }
  return false;
}

void outbound_flow::not_recorded(mqtt::packet_id id) noexcept {
  if (recording_ > 0) --recording_;
  auto* x = find(id);
  if (x == nullptr || (x->at != stage::recording && x->at != stage::releasing)) return;
  x->failed = true;
  x->again = false;
}

mqtt::packet_id outbound_flow::next_id() noexcept {
  for (int tries = 0; tries < 65535; ++tries) {
    if (++last_id_ == 0) last_id_ = 1;
    const auto id = last_id_;
    const bool waiting =
        std::any_of(restored_.begin(), restored_.end(), [id](const auto& x) { return x.id == id; });
    if (waiting) continue;
    if (inflight_.empty()) return id;
    if (ids_ascend_ && place_of(id) > place_of(inflight_.back().id)) return id;
    if (find(id) != nullptr) continue;
    ids_ascend_ = false;  // all numbers were used while the oldest exchange lasts
    return id;
  }
  return 0;
}

}  // namespace troupe::session
