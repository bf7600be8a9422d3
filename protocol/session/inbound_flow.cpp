#include "protocol/session/inbound_flow.hpp"

#include <algorithm>
#include <utility>

namespace troupe::session {

namespace {

/// What may be taken when it is sent again later.
constexpr auto for_a_while = mqtt::reason_code::quota_exceeded;

}  // namespace

std::vector<inbound_flow::exchange>::iterator inbound_flow::find(mqtt::packet_id id) noexcept {
  auto it = std::lower_bound(received_.begin(), received_.end(), id,
                             [](const exchange& x, mqtt::packet_id wanted) { return x.id < wanted; });
  return it != received_.end() && it->id == id ? it : received_.end();
}

inbound_flow::accepted inbound_flow::publish(mqtt::qos level, mqtt::packet_id id,
                                             session_effects& fx) {
  const bool twice = level == mqtt::qos::exactly_once;
  auto known = twice ? find(id) : received_.end();
  const bool again = known != received_.end() && known->state == exchange_state::recorded;
  if (known != received_.end() && !again) {
    const bool pending = known->state == exchange_state::pending;
    answers_.push_back({id, level, !pending, false, true, mqtt::reason_code::success, false});
    flush(fx);
    return {verdict::duplicate, 0};
  }
  // [MQTT-3.3.4-9]: more than it was told that we take. Version 3 has no such
  // number and is held back at its socket.
  if (version_ == mqtt::protocol_version::v5 && !again &&
      unanswered_ + received_.size() >= limits_.receive_maximum) {
    fx.disconnect(mqtt::reason_code::receive_maximum_exceeded,
                  "More unacknowledged messages than Receive Maximum allows");
    return {verdict::refused, 0};
  }
  accepted result;
  if (again) {
    known->state = exchange_state::pending;
    result.recorded = known->from;
  } else if (twice) {
    auto at = std::lower_bound(
        received_.begin(), received_.end(), id,
        [](const exchange& x, mqtt::packet_id wanted) { return x.id < wanted; });
    received_.insert(at, exchange{id});
  } else {
    ++unanswered_;
  }
  answers_.push_back({id, level, false, false, false, mqtt::reason_code::success, false});
  ++pending_count_;
  result.token = first_token_ + answers_.size() - 1;
  // What is recorded may have been routed: it waits for as long as it takes.
  if (!refuses() || again) return result;
  completed(result.token, for_a_while, fx);
  return {verdict::not_now, 0};
}

void inbound_flow::completed(std::uint64_t token, mqtt::reason_code reason, session_effects& fx) {
  if (token < first_token_ || token - first_token_ >= answers_.size()) return;
  auto& done = answers_[static_cast<std::size_t>(token - first_token_)];
  if (done.done || done.copy) return;
  if (reason == for_a_while) refusing(token);
  --pending_count_;
  done.done = true;
  done.reason = reason;
  if (done.level == mqtt::qos::exactly_once) {
    const auto id = done.id;
    auto x = find(id);
    if (x != received_.end()) {
      if (is_error(reason)) {
        received_.erase(x);
      } else {
        x->state = exchange_state::received;
      }
    }
    for (auto& other : answers_) {
      if (other.copy && other.id == id && !other.done) {
        other.done = true;
        other.reason = reason;
      }
    }
  }
  flush(fx);
}

void inbound_flow::refusing(std::uint64_t token) noexcept {
  if (token < first_token_ || token - first_token_ >= answers_.size()) return;
  auto& of = answers_[static_cast<std::size_t>(token - first_token_)];
  if (of.done || std::exchange(of.refusing, true)) return;
  ++untold_;
}

void inbound_flow::flush(session_effects& fx) {
  while (!answers_.empty() && answers_.front().done) {
    const auto next = answers_.front();
    answers_.pop_front();
    ++first_token_;
    if (next.refusing) --untold_;
    if (next.refusing && has_client_ && !next.orphan && !fx.hears()) missed_ = true;
    if (next.orphan || !has_client_) continue;
    const bool once = next.level == mqtt::qos::at_least_once;
    if (once) --unanswered_;
    if (is_error(next.reason) && version_ != mqtt::protocol_version::v5 &&
        next.reason != mqtt::reason_code::not_authorized) {
      // Version 3 has no word for "not taken": without an answer the client
      // keeps the message and sends it again.
      fx.disconnect(next.reason, "A message could not be taken");
      continue;
    }
    fx.send(mqtt::ack_packet{once ? mqtt::ack_kind::puback : mqtt::ack_kind::pubrec, next.id,
                             next.reason, {}});
  }
}

void inbound_flow::pubrel(mqtt::packet_id id, session_effects& fx) {
  auto x = find(id);
  if (x == received_.end() || x->state == exchange_state::pending) {
    fx.send(mqtt::ack_packet{mqtt::ack_kind::pubcomp, id,
                             mqtt::reason_code::packet_identifier_not_found, {}});
    return;
  }
  if (x->state == exchange_state::releasing) return;  // PUBCOMP is on its way
  if (durable_) {
    // PUBCOMP allows the client to use the id again: forgotten first, on disk too.
    x->state = exchange_state::releasing;
    fx.erase_received(id);
    return;
  }
  received_.erase(x);
  fx.send(mqtt::ack_packet{mqtt::ack_kind::pubcomp, id, mqtt::reason_code::success, {}});
}

void inbound_flow::released(mqtt::packet_id id, session_effects& fx) {
  auto x = find(id);
  if (x == received_.end() || x->state != exchange_state::releasing) return;
  received_.erase(x);
  if (has_client_)
    fx.send(mqtt::ack_packet{mqtt::ack_kind::pubcomp, id, mqtt::reason_code::success, {}});
}

void inbound_flow::not_released(mqtt::packet_id id) noexcept {
  auto x = find(id);
  if (x != received_.end() && x->state == exchange_state::releasing)
    x->state = exchange_state::received;
}

void inbound_flow::connected(mqtt::protocol_version version) {
  version_ = version;
  has_client_ = true;
  missed_ = false;  // it sends again all that was not answered, in its order
  unanswered_ = 0;
}

void inbound_flow::disconnected() {
  has_client_ = false;
  for (auto& waiting : answers_) waiting.orphan = true;
}

void inbound_flow::restore(const std::vector<received_exchange>& received) {
  for (const auto& each : received)
    received_.push_back({each.id, each.taken ? exchange_state::received : exchange_state::recorded,
                         each.taken, each.from});
  std::sort(received_.begin(), received_.end(),
            [](const exchange& a, const exchange& b) { return a.id < b.id; });
}

void inbound_flow::recorded(mqtt::packet_id id, const origin& from) noexcept {
  const auto x = find(id);
  if (x == received_.end()) return;
  x->from = from;
  x->told = false;
}

origin inbound_flow::first_origin() const noexcept {
  origin first;
  for (const auto& x : received_)
    if (x.from && (!first || x.from < first)) first = x.from;
  return first;
}

std::vector<received_exchange> inbound_flow::taken_since() {
  std::vector<received_exchange> all;
  for (auto& x : received_) {
    if (x.state != exchange_state::received || !x.from || std::exchange(x.told, true)) continue;
    all.push_back({x.id, x.from, true});
  }
  return all;
}

}  // namespace troupe::session
