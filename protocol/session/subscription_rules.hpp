#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/mqtt/packet.hpp"

namespace troupe::session {

/// What a SUBSCRIBE entry earns by itself: the QoS granted, or why it is
/// refused (topic_filter_invalid). protocol_error: the connection must end,
/// as for no-local on a shared subscription [MQTT-3.8.3-4].
mqtt::reason_code check_subscription(const mqtt::subscribe_entry& entry,
                                     std::uint16_t max_topic_levels);

}  // namespace troupe::session
