#pragma once

#include "actors/config/load.hpp"
#include "actors/config/value.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// A file or an environment variable says that a key has a value.
struct assignment {
  std::optional<std::size_t> listener;  // index of the [[listeners]] entry
  std::string key;                      // "limits.max_packet_size"; of a listener "tls.key"
  setting value;
  std::string where;
};

/// What one source says, before any key is looked up.
struct assignments {
  std::vector<assignment> list;
  std::vector<std::string> listeners;  // where each [[listeners]] entry of a file begins
  std::vector<problem> problems;
};

/// The longest list of listeners that is taken.
inline constexpr std::size_t most_listeners = 64;

/// Variables that are no keys: the file, and the data directory if no key says another.
inline constexpr std::string_view file_variable = "TROUPE_CONFIG";
inline constexpr std::string_view data_variable = "TROUPE_DATA";

/// Parses TOML; a syntax error is a problem with its line.
assignments read_toml(std::string_view text, std::string_view file);

/// Turns variables into assignments; those that cannot be one are problems.
assignments read_environment(const environment& variables);

/// The variable that sets a key: "TROUPE_LIMITS__MAX_PACKET_SIZE".
std::string variable_of(std::optional<std::size_t> listener, std::string_view key);

}  // namespace troupe::config
