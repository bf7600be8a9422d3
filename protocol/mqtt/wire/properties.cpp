#include "protocol/mqtt/wire/properties.hpp"

#include <array>
#include <initializer_list>

namespace troupe::mqtt::wire {

namespace {

enum class wire_type : std::uint8_t { none, byte, two, four, varint, text, binary, pair };

struct rule {
  wire_type type = wire_type::none;
  std::uint16_t homes = 0;  // a bit for each property_home
};

constexpr std::size_t rule_count = 0x2B;

constexpr std::uint16_t in(std::initializer_list<property_home> homes) {
  std::uint16_t bits = 0;
  for (const auto home : homes)
    bits |= static_cast<std::uint16_t>(1U << static_cast<unsigned>(home));
  return bits;
}

// The table of [MQTT 5.0, 2.2.2.2].
constexpr std::array<rule, rule_count> make_rules() {
  using home = property_home;
  using id = property_id;
  std::array<rule, rule_count> rules{};
  auto set = [&](property_id which, wire_type type, std::uint16_t homes) {
    rules[static_cast<std::size_t>(which)] = {type, homes};
  };
  constexpr auto answers =
      in({home::connack, home::puback, home::pubrec, home::pubrel, home::pubcomp, home::suback,
          home::unsuback, home::disconnect, home::auth});
  constexpr auto everywhere = static_cast<std::uint16_t>(
      answers | in({home::will, home::connect, home::publish, home::subscribe, home::unsubscribe}));
  constexpr auto messages = in({home::publish, home::will});
  constexpr auto both_connects = in({home::connect, home::connack});
  constexpr auto authentication = in({home::connect, home::connack, home::auth});

  set(id::payload_format, wire_type::byte, messages);
  set(id::message_expiry, wire_type::four, messages);
  set(id::content_type, wire_type::text, messages);
  set(id::response_topic, wire_type::text, messages);
  set(id::correlation_data, wire_type::binary, messages);
  set(id::subscription_id, wire_type::varint, in({home::publish, home::subscribe}));
  set(id::session_expiry, wire_type::four, in({home::connect, home::connack, home::disconnect}));
  set(id::assigned_client_id, wire_type::text, in({home::connack}));
  set(id::server_keep_alive, wire_type::two, in({home::connack}));
  set(id::authentication_method, wire_type::text, authentication);
  set(id::authentication_data, wire_type::binary, authentication);
  set(id::request_problem_information, wire_type::byte, in({home::connect}));
  set(id::will_delay, wire_type::four, in({home::will}));
  set(id::request_response_information, wire_type::byte, in({home::connect}));
  set(id::response_information, wire_type::text, in({home::connack}));
  set(id::server_reference, wire_type::text, in({home::connack, home::disconnect}));
  set(id::reason_string, wire_type::text, answers);
  set(id::receive_maximum, wire_type::two, both_connects);
  set(id::topic_alias_maximum, wire_type::two, both_connects);
  set(id::topic_alias, wire_type::two, in({home::publish}));
  set(id::maximum_qos, wire_type::byte, in({home::connack}));
  set(id::retain_available, wire_type::byte, in({home::connack}));
  set(id::user, wire_type::pair, everywhere);
  set(id::maximum_packet_size, wire_type::four, both_connects);
  set(id::wildcard_available, wire_type::byte, in({home::connack}));
  set(id::subscription_ids_available, wire_type::byte, in({home::connack}));
  set(id::shared_available, wire_type::byte, in({home::connack}));
  return rules;
}

constexpr auto rules = make_rules();

}  // namespace

bool property_reader::known(std::uint8_t id) noexcept {
  const auto home_bit = 1U << static_cast<unsigned>(home_);
  if (id >= rule_count || rules[id].type == wire_type::none) {
    errors_.fail(reason_code::malformed_packet, "a property has an unknown identifier");
    return false;
  }
  if ((rules[id].homes & home_bit) == 0) {
    errors_.fail(reason_code::malformed_packet, "a property is not allowed in this packet");
    return false;
  }
  const auto seen_bit = std::uint64_t{1} << id;
  const bool repeatable = id == static_cast<std::uint8_t>(property_id::user) ||
                          (id == static_cast<std::uint8_t>(property_id::subscription_id) &&
                           home_ == property_home::publish);
  if (!repeatable && (seen_ & seen_bit) != 0) {
    errors_.fail(reason_code::protocol_error, "a property stands twice in the packet");
    return false;
  }
  seen_ |= seen_bit;
  return true;
}

bool property_reader::in_range(const property& read) noexcept {
  switch (read.id) {
    case property_id::payload_format:
    case property_id::request_problem_information:
    case property_id::request_response_information:
    case property_id::maximum_qos:
    case property_id::retain_available:
    case property_id::wildcard_available:
    case property_id::subscription_ids_available:
    case property_id::shared_available:
      if (read.number <= 1) return true;
      errors_.fail(reason_code::protocol_error, "a property that is 0 or 1 has another value");
      return false;
    case property_id::receive_maximum:
    case property_id::maximum_packet_size:
    case property_id::subscription_id:
      if (read.number != 0) return true;
      errors_.fail(reason_code::protocol_error, "a property that must not be zero is zero");
      return false;
    case property_id::topic_alias:
      if (read.number != 0) return true;
      errors_.fail(reason_code::topic_alias_invalid, "the topic alias is zero");
      return false;
    case property_id::response_topic:
      if (!read.text.empty() && !has_wildcard(read.text)) return true;
      errors_.fail(reason_code::protocol_error, "the response topic is empty or has a wildcard");
      return false;
    default:
      return true;
  }
}

bool property_reader::next(property& out) noexcept {
  if (block_.at_end() || !errors_.ok()) return false;
  const auto before = block_.rest();
  const auto id = block_.byte();
  if (!known(id)) return false;
  out.id = static_cast<property_id>(id);
  switch (rules[id].type) {
    case wire_type::byte:
      out.number = block_.byte();
      break;
    case wire_type::two:
      out.number = block_.two_bytes();
      break;
    case wire_type::four:
      out.number = block_.four_bytes();
      break;
    case wire_type::varint:
      out.number = block_.varint();
      break;
    case wire_type::text:
      out.text = block_.text();
      break;
    case wire_type::binary:
      out.text = block_.binary();
      break;
    case wire_type::pair:
      out.name = block_.text();
      out.text = block_.text();
      break;
    case wire_type::none:
      break;
  }
  if (!block_.ok()) {
    errors_.fail(block_.error().reason, block_.error().sentence);
    return false;
  }
  out.wire = before.substr(0, before.size() - block_.rest().size());
  return in_range(out);
}

void keep_user(const property& read, user_properties& out) {
  out.emplace_back(std::string{read.name}, std::string{read.text});
}

void keep_diagnostic(const property& read, diagnostics& out) {
  if (read.id == property_id::reason_string) {
    out.reason_string = read.text;
  } else if (read.id == property_id::user) {
    keep_user(read, out.users);
  }
}

void read_diagnostics(reader& from, property_home home, diagnostics& out) {
  property_reader block{from, home};
  for (property read; block.next(read);) keep_diagnostic(read, out);
}

}  // namespace troupe::mqtt::wire
