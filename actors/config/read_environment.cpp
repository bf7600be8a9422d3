#include "actors/config/assignment.hpp"
#include "actors/config/suggest.hpp"

#include <algorithm>
#include <cctype>

extern "C" char** environ;  // NOLINT: POSIX declares it nowhere

namespace troupe::config {

namespace {

constexpr std::string_view prefix = "TROUPE_";
constexpr std::string_view listeners = "listeners.";

/// Variables that are no keys: two say where things are, two belong to troupectl,
/// which runs in the same containers.
bool is_no_key(std::string_view name) {
  return name == file_variable || name == data_variable || name == "TROUPE_URL" ||
         name == "TROUPE_TOKEN_FILE";
}

/// Kubernetes gives every pod such variables for a service called "troupe" or
/// "troupe-...": ignoring them is what lets the broker start there.
bool is_service_link(std::string_view name) {
  if (name.find("__") != std::string_view::npos) return false;
  if (name.ends_with("_PORT") || name.find("_SERVICE_HOST") != std::string_view::npos) return true;
  if (name.find("_SERVICE_PORT") != std::string_view::npos) return true;
  const auto port = name.find("_PORT_");
  return port != std::string_view::npos && port + 6 < name.size() &&
         std::isdigit(static_cast<unsigned char>(name[port + 6])) != 0;
}

/// "TROUPE_LISTENERS__0__TLS__KEY" is "listeners.0.tls.key".
std::string dotted(std::string_view name) {
  name.remove_prefix(prefix.size());
  std::string result;
  while (!name.empty()) {
    const bool step = name.starts_with("__");
    result += step ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
    name.remove_prefix(step ? 2 : 1);
  }
  return result;
}

/// Splits "listeners.0.tls.key"; no value if there is no index.
std::optional<assignment> listener_assignment(std::string_view path) {
  path.remove_prefix(listeners.size());
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto index = parse_integer(path.substr(0, dot));
  if (!index || *index < 0 || *index >= static_cast<std::int64_t>(most_listeners))
    return std::nullopt;
  assignment result;
  result.listener = static_cast<std::size_t>(*index);
  result.key = path.substr(dot + 1);
  return result;
}

}  // namespace

environment process_environment() {
  environment result;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view line = *each;
    const auto equals = line.find('=');
    if (line.starts_with(prefix) && equals != std::string_view::npos)
      result.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return result;
}

std::string variable_of(std::optional<std::size_t> listener, std::string_view key) {
  std::string result(prefix);
  if (listener) result += "LISTENERS__" + std::to_string(*listener) + "__";
  for (const char c : key) {
    if (c == '.')
      result += "__";
    else
      result += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return result;
}

assignments read_environment(const environment& variables) {
  assignments result;
  for (const auto& [name, text] : variables) {
    if (!name.starts_with(prefix) || is_no_key(name) || is_service_link(name)) continue;
    assignment found;
    if (const std::string path = dotted(name); path.starts_with(listeners)) {
      auto of_listener = listener_assignment(path);
      if (!of_listener) {
        result.problems.push_back({"environment variable " + name,
                                   "the number of a listener, from 0 on, must follow "
                                   "TROUPE_LISTENERS__, as in TROUPE_LISTENERS__0__BIND"});
        continue;
      }
      found = std::move(*of_listener);
    } else {
      found.key = path;
    }
    found.value = {text, true};
    found.where = "environment variable " + name;
    result.list.push_back(std::move(found));
  }
  // Listener 10 sorts before listener 2 by name, but may need it to be there.
  std::ranges::stable_sort(result.list, {}, &assignment::listener);
  return result;
}

}  // namespace troupe::config
