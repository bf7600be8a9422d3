#include "actors/config/example.hpp"

#include "actors/config/keys.hpp"

#include <array>
#include <set>

namespace troupe::config {

namespace {

constexpr std::string_view preamble =
    R"(# Configuration of troupe. Every key is here with its default, commented out:
# remove the "#" before a key to set it, together with the "#" of its section.
#
# Durations: "250ms", "10s", "5m", "12h", "7d", "2w". Sizes: "64KiB", "2MiB", "1GiB".
# The environment overrides the file; each step of a name takes two underscores:
#   TROUPE_LIMITS__MAX_PACKET_SIZE=1MiB  TROUPE_LISTENERS__0__BIND=0.0.0.0:1883
# `troupe --test-config` checks this file. SIGHUP (systemctl reload troupe) reads it
# again; keys marked with "at the next start" then wait for a restart.
)";

constexpr std::string_view listeners_preamble = R"(
# Listeners. Without any, MQTT is served on 127.0.0.1:1883 and WebSocket on
# 127.0.0.1:8083; the first [[listeners]] replaces both.
)";

struct sample_listener {
  transport_kind kind;
  std::string_view name;
  std::string_view bind;
};

// Together they show every key once; the later ones skip what was explained.
constexpr std::array sample_listeners{sample_listener{transport_kind::tcp, "tcp", "127.0.0.1:1883"},
                                      sample_listener{transport_kind::wss, "wss", "0.0.0.0:8084"},
                                      sample_listener{transport_kind::unix_socket, "unix", ""}};

std::string lines_of_prose(std::string_view text) {
  std::string result;
  while (true) {
    const auto end = text.find('\n');
    result += "# " + std::string(text.substr(0, end)) + "\n";
    if (end == std::string_view::npos) return result;
    text.remove_prefix(end + 1);
  }
}

template <class Owner>
std::string explained(const key<Owner>& which) {
  std::string text(which.doc);
  if (!which.fallback.empty()) text += "\nDefault: " + std::string(which.fallback) + ".";
  if (which.takes_effect == effect::on_restart) text += "\n(at the next start)";
  return lines_of_prose(text);
}

std::string commented(std::string_view name, std::string_view value) {
  return "#" + std::string(name) + " = " + std::string(value) + "\n";
}

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string node_sections() {
  std::string result;
  std::string_view section;
  for (const auto& each : node_keys()) {
    const auto dot = each.name.find('.');
    if (each.name.substr(0, dot) != section) {
      section = each.name.substr(0, dot);
      result += "\n#[" + std::string(section) + "]\n";
    }
    result += explained(each) + commented(each.name.substr(dot + 1), each.sample);
  }
  return result;
}

std::string_view value_in(const sample_listener& listener, const key<listener_configuration>& of,
                          std::string& room) {
  if (of.name == "name")
    room = quoted(listener.name);
  else if (of.name == "transport")
    room = quoted(listener.name);
  else if (of.name == "bind")
    room = quoted(listener.bind);
  else
    return of.sample;
  return room;
}

std::string listener_section(const sample_listener& listener, std::set<std::string_view>& shown) {
  constexpr std::string_view tls = "tls.";
  std::string result = "\n#[[listeners]]\n";
  bool in_tls = false;
  for (const auto& each : listener_keys()) {
    if ((each.transports & bit(listener.kind)) == 0) continue;
    const bool first = shown.insert(each.name).second;
    const bool says_which = each.name == "name" || each.name == "transport" || each.name == "bind";
    if (!first && !says_which) continue;
    std::string_view name = each.name;
    if (name.starts_with(tls)) {
      if (!in_tls) result += "#[listeners.tls]\n";
      in_tls = true;
      name.remove_prefix(tls.size());
    }
    std::string room;
    if (first) result += explained(each);
    result += commented(name, value_in(listener, each, room));
  }
  return result;
}

}  // namespace

std::string example_file() {
  std::string result(preamble);
  result += listeners_preamble;
  std::set<std::string_view> shown;
  for (const sample_listener& each : sample_listeners) result += listener_section(each, shown);
  return result + node_sections();
}

}  // namespace troupe::config
