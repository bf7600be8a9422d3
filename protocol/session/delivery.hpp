#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/container/small_vector.hpp>

#include "protocol/mqtt/message.hpp"
#include "protocol/mqtt/session_id.hpp"
#include "protocol/session/subscription_ids.hpp"

namespace troupe::session {

/// Where the body of a stored message is kept.
enum class body_place : std::uint8_t {
  inside,  // in the record of the queue, and goes with it
  sole,    // in the log, for this message only
  shared,  // in the log, counted
};

/// Where a durable session's message stands in the store.
struct stored_place {
  std::uint64_t order = 0;  // 0: not stored
  std::uint64_t body_offset = 0;
  shard_id body_shard{};
  std::uint16_t index = 0;  // within its run; order - index names the run
  body_place body = body_place::inside;
  bool lone = false;  // nothing else is in its run

  std::uint64_t run() const noexcept { return order - index; }
  explicit operator bool() const noexcept { return order != 0; }
};

/// One message for one session, with the terms of the subscription that chose it.
struct delivery {
  mqtt::message_ptr body;
  mqtt::qos level = mqtt::qos::at_most_once;  // granted
  bool retain = false;                        // flag to send
  /// A retained message for a new subscription: newer ones may have come already.
  bool replayed = false;
  session::subscription_ids subscription_ids;
  stored_place stored;
  /// "$share/group/filter" if a shared subscription chose this session.
  std::shared_ptr<const std::string> share;
};

/// A sparse message comes alone: one without an allocation.
using deliveries = boost::container::small_vector<delivery, 1>;

}  // namespace troupe::session
