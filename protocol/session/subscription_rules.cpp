#include "protocol/session/subscription_rules.hpp"

#include "protocol/topics/names.hpp"

namespace troupe::session {

mqtt::reason_code check_subscription(const mqtt::subscribe_entry& entry,
                                     std::uint16_t max_topic_levels) {
  if (!topics::valid_subscription(entry.filter)) return mqtt::reason_code::topic_filter_invalid;
  const auto shared = topics::parse_shared(entry.filter);
  if (shared && entry.options.no_local) return mqtt::reason_code::protocol_error;
  const auto filter = shared ? shared->filter : std::string_view(entry.filter);
  if (topics::levels(filter) > max_topic_levels) return mqtt::reason_code::topic_filter_invalid;
  return static_cast<mqtt::reason_code>(entry.options.maximum_qos);
}

}  // namespace troupe::session
