#pragma once

#include "actors/config/configuration.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe::config {

/// A value of a kind that no key takes: a float, a date, a table where none belongs.
struct unusable {
  std::string what;  // "a table"
};

/// What stands behind a key, before it is known what the key wants.
using raw_value = std::variant<bool, std::int64_t, std::string, std::vector<std::string>, unusable>;

/// A value and where it comes from: text of the environment may stand for
/// every type, a value of the file has a type of its own.
struct setting {
  raw_value value;
  bool from_environment = false;
};

/// How a message shows the value: "true", "12", "\"text\"".
std::string shown(const raw_value& value);

/// "true" or "false", nothing else.
std::optional<bool> parse_boolean(std::string_view text);

/// Decimal digits with an optional minus sign.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// Bytes: "512", "64KiB", "2MiB", "1GiB", and KB, MB, GB for thousands.
std::optional<std::int64_t> parse_size(std::string_view text);

/// Milliseconds: "250ms", "10s", "5m", "12h", "7d", "2w"; "never" is MQTT's never.
std::optional<std::int64_t> parse_duration(std::string_view text);

/// "127.0.0.1:1883", "[::]:1883" or "host:1883".
std::optional<endpoint> parse_endpoint(std::string_view text);

/// Whether it is an IPv4 or IPv6 address, or a network of them: "10.0.0.0/8".
bool is_network(std::string_view text);

/// Permission bits in octal digits: "0660".
std::optional<std::int64_t> parse_mode(std::string_view text);

/// The parts between commas, without blanks around them; empty text has none.
std::vector<std::string> parse_list(std::string_view text);

/// The shortest text that parse_duration() and parse_size() read back.
std::string duration_text(std::int64_t milliseconds);
std::string size_text(std::int64_t bytes);

}  // namespace troupe::config
