// The messages to a client as its connections come and go, and at the end of its session.

#include <algorithm>
#include <utility>

#include "protocol/session/outbound_flow.hpp"

namespace troupe::session {

void outbound_flow::connected(const client_terms& terms, std::int64_t now, session_effects& fx) {
  terms_ = terms;
  has_client_ = true;
  outstanding_ = 0;
  for (auto& x : inflight_) {
    x.resend = x.at != stage::done;
    x.counted = false;
  }
  resending_ = inflight_count_ > 0;
  pump(now, fx);
}

void outbound_flow::disconnected() {
  has_client_ = false;
  outstanding_ = 0;
  fifo<delivery> kept;
  std::uint64_t kept_bytes = 0;
  for (auto& message : queue_) {
    if (message.stored) {
      // It stands in the store; the floor goes back so that it will be read again.
      floor_ = std::min(floor_, message.stored.order - 1);
      enter_stored_mode();
    } else {
      kept_bytes += bytes_of(message);
      kept.push_back(std::move(message));
    }
  }
  queue_ = std::move(kept);
  queued_bytes_ = kept_bytes;
  // What is offered or still to be read belongs to the next connection.
  if (durable_) enter_stored_mode();
}

std::vector<std::uint64_t> outbound_flow::abandon(session_effects& fx) {
  std::vector<std::uint64_t> under_way;
  for (const auto& x : restored_) under_way.push_back(x.order);
  for (auto& x : inflight_) {
    if (x.message.stored && (x.transmitted || x.at != stage::recording))
      under_way.push_back(x.message.stored.order);
    const bool retry = x.at == stage::sent && x.message.level == mqtt::qos::at_least_once;
    if (retry && x.message.share && !x.message.stored) fx.redispatch(x.message);
  }
  for (auto& message : queue_)
    if (message.share && !message.stored) fx.redispatch(message);
  inflight_.clear();
  ids_ascend_ = true;
  queue_.clear();
  restored_.clear();
  queued_bytes_ = 0;
  inflight_count_ = outstanding_ = 0;
  return under_way;
}

bool outbound_flow::drop_stored(const delivery& message, session_effects& fx, drop_reason why) {
  const auto order = message.stored.order;
  const bool begun =
      std::any_of(restored_.begin(), restored_.end(),
                  [order](const stored_exchange& x) { return x.order == order; }) ||
      std::any_of(inflight_.begin(), inflight_.end(),
                  [order](const exchange& x) { return x.message.stored.order == order; }) ||
      std::find(settled_.begin(), settled_.end(), order) != settled_.end();
  if (begun) return false;
  bool offered = false;
  if (!queue_.empty() && queue_.front().stored.order == order) {
    // Mostly so: the oldest goes first.
    queued_bytes_ -= bytes_of(queue_.front());
    queue_.pop_front();
    offered = true;
  } else {
    fifo<delivery> kept;
    for (auto& m : queue_) {
      if (m.stored.order == order) {
        queued_bytes_ -= bytes_of(m);
        offered = true;
      } else {
        kept.push_back(std::move(m));
      }
    }
    queue_ = std::move(kept);
  }
  if (!offered && order > floor_) dropped_.push_back(order);
  fx.dropped(*message.body, why);
  settle(message, fx);
  return true;
}

std::uint64_t outbound_flow::drop_queued(session_effects& fx, drop_reason why) {
  const std::uint64_t count = queue_.size();
  for (const auto& m : queue_) {
    fx.dropped(*m.body, why);
    if (m.stored) settle(m, fx);
  }
  queue_.clear();
  queued_bytes_ = 0;
  return count;
}

std::vector<std::uint64_t> outbound_flow::orders_under_way() const {
  std::vector<std::uint64_t> orders;
  for (const auto& x : restored_) orders.push_back(x.order);
  for (const auto& x : inflight_)
    if (x.message.stored) orders.push_back(x.message.stored.order);
  return orders;
}

void outbound_flow::restore(std::vector<stored_exchange> exchanges) {
  enter_stored_mode();
  for (const auto& x : exchanges) {
    if (!x.released) {
      restored_.push_back(x);
      continue;
    }
    exchange released;
    released.id = x.id;
    released.at = stage::released;
    released.transmitted = true;
    released.recorded = true;
    released.message.level = mqtt::qos::exactly_once;
    inflight_.push_back(std::move(released));
    ids_ascend_ = false;
    ++inflight_count_;
  }
}

std::vector<stored_exchange> outbound_flow::unrecorded() const {
  std::vector<stored_exchange> result;
  for (const auto& x : inflight_)
    if (x.at == stage::sent && x.transmitted && x.message.stored &&
        x.message.level == mqtt::qos::at_least_once)
      result.push_back({x.id, x.message.stored.order, false});
  return result;
}

const mqtt::message* outbound_flow::oldest() const noexcept {
  for (std::size_t i = 0; i < inflight_.size(); ++i)
    if (inflight_[i].at != stage::done && inflight_[i].message.body)
      return inflight_[i].message.body.get();
  return queue_.empty() ? nullptr : queue_[0].body.get();
}

}  // namespace troupe::session
