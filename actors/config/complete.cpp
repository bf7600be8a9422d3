// What depends on several keys: names and ports that follow from the
// transport, and combinations that cannot work.
#include "actors/config/define_key.hpp"
#include "actors/config/draft.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <unistd.h>

namespace troupe::config {

namespace {

struct transport_default {
  std::string_view name;
  std::uint16_t port;
};

// In the order of transport_kind.
constexpr std::array<transport_default, 5> transport_defaults{
    transport_default{"tcp", 1883}, transport_default{"tls", 8883}, transport_default{"ws", 8083},
    transport_default{"wss", 8084}, transport_default{"unix", 0}};

const transport_default& defaults_of(transport_kind kind) {
  return transport_defaults[static_cast<std::size_t>(kind)];
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

std::string place_of(const listener_draft& listener, std::string_view key) {
  const auto found = listener.given.find(key);
  return found == listener.given.end() ? listener.where : found->second;
}

/// True if the kernel would refuse the second of the two.
bool collide(const endpoint& a, const endpoint& b) {
  if (a.port != b.port || a.port == 0) return false;
  return a.host == b.host || is_wildcard(a) || is_wildcard(b);
}

bool is_plain_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

/// What can stand in the header of a request as it is.
bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// Whoever can reach the port may guess as often as it likes.
constexpr std::size_t shortest_token = 16;

constexpr std::string_view plain_name_rule = " must consist of letters, digits, '.', '-' and '_'";

}  // namespace

std::optional<std::pair<std::string, share_strategy>> parse_group_strategy(std::string_view text) {
  const auto sign = text.rfind('=');
  if (sign == 0 || sign == std::string_view::npos) return std::nullopt;
  const auto group = text.substr(0, sign);
  constexpr auto& names = choices<share_strategy>::names;
  const auto found = std::ranges::find(names, text.substr(sign + 1));
  // As the name of a group in $share/group/filter.
  if (found == names.end() || group.find_first_of("/+#") != std::string_view::npos)
    return std::nullopt;
  return std::pair{std::string(group), static_cast<share_strategy>(found - names.begin())};
}

void draft::name_listeners() {
  std::set<std::string> names;
  for (const listener_draft& each : listeners_) {
    if (each.value.name.empty()) continue;
    if (!is_plain_name(each.value.name))
      refuse(config::place_of(each, "name"), "name" + std::string(plain_name_rule));
    if (!names.insert(each.value.name).second)
      refuse(config::place_of(each, "name"),
             "the name \"" + each.value.name + "\" belongs to another listener already");
  }
  for (listener_draft& each : listeners_) {
    const std::string name(defaults_of(each.value.transport).name);
    std::string candidate = name;
    for (int number = 2; each.value.name.empty(); ++number) {
      if (names.insert(candidate).second) each.value.name = candidate;
      candidate = name + "-" + std::to_string(number);
    }
  }
}

void draft::check_transports() {
  for (listener_draft& each : listeners_) {
    const auto& defaults = defaults_of(each.value.transport);
    if (!each.given.contains("bind")) each.value.bind = {"127.0.0.1", defaults.port};
    for (const auto& known : listener_keys()) {
      const auto given = each.given.find(known.name);
      if (given != each.given.end() && (known.transports & bit(each.value.transport)) == 0)
        refuse(given->second, std::string(known.name) +
                                  " has no meaning for a listener of transport \"" +
                                  std::string(defaults.name) + "\"");
    }
    check_listener(each);
  }
}

void draft::check_listener(const listener_draft& listener) {
  const listener_configuration& value = listener.value;
  if (value.websocket() && !value.path.starts_with('/'))
    refuse(config::place_of(listener, "path"), "path must begin with \"/\"");
  if (value.transport == transport_kind::unix_socket && value.unix_path.empty())
    refuse(listener.where, "a listener of transport \"unix\" needs unix_path");
  if (value.max_packet_size != 0 && value.max_packet_size < 64)
    refuse(config::place_of(listener, "max_packet_size"),
           "max_packet_size must be at least 64 bytes, or 0 for limits.max_packet_size");
  check_proxy(listener);
  if (value.secure()) check_tls(listener);
}

void draft::check_proxy(const listener_draft& listener) {
  const listener_configuration& value = listener.value;
  const auto place = config::place_of(listener, "proxy_trusted");
  if (!value.proxy_protocol && listener.given.contains("proxy_trusted"))
    refuse(place, "proxy_trusted needs proxy_protocol = true");
  if (value.proxy_protocol && value.proxy_trusted.empty())
    refuse(place, "proxy_trusted is empty, so nobody could connect");
  for (const std::string& each : value.proxy_trusted) {
    if (!is_network(each))
      refuse(place, "proxy_trusted must hold addresses and networks such as \"10.0.0.0/8\", not \"" +
                        each + "\"");
  }
  if (value.secure() || value.use_certificate_as_username == certificate_username::none) return;
  const auto use = config::place_of(listener, "use_certificate_as_username");
  if (!value.proxy_protocol)
    refuse(use, "use_certificate_as_username needs TLS, or proxy_protocol = true and a proxy that "
                "sends the name");
  else if (value.use_certificate_as_username == certificate_username::subject)
    refuse(use, "use_certificate_as_username must be \"cn\" without TLS: a PROXY header has no "
                "more of the certificate");
}

void draft::check_tls(const listener_draft& listener) {
  const listener_configuration& value = listener.value;
  if (value.tls.certificate.empty())
    refuse(config::place_of(listener, "tls.certificate"), "a TLS listener needs tls.certificate");
  if (value.tls.key.empty())
    refuse(config::place_of(listener, "tls.key"), "a TLS listener needs tls.key");
  if (value.tls.clients != client_certificates::none && value.tls.ca.empty())
    refuse(config::place_of(listener, "tls.client_certificates"),
           "tls.client_certificates needs tls.ca to check them against");
  if (value.use_certificate_as_username != certificate_username::none &&
      value.tls.clients == client_certificates::none &&
      !(value.proxy_protocol && value.use_certificate_as_username == certificate_username::cn))
    refuse(config::place_of(listener, "use_certificate_as_username"),
           "use_certificate_as_username needs tls.client_certificates to be \"optional\" or "
           "\"required\"");
}

void draft::check_addresses() {
  struct taken {
    endpoint address;
    std::string what;
  };
  std::vector<taken> addresses;
  const auto claim = [&](const endpoint& address, const std::string& what,
                         const std::string& where) {
    for (const taken& other : addresses) {
      if (collide(address, other.address))
        refuse(where, what + " and " + other.what + " cannot both listen on " + to_string(address) +
                          (address == other.address
                               ? ""
                               : ", of which " + to_string(other.address) + " takes a part"));
    }
    addresses.push_back({address, what});
  };
  std::set<std::string> paths;
  for (const listener_draft& each : listeners_) {
    if (each.value.transport == transport_kind::unix_socket) {
      if (!each.value.unix_path.empty() && !paths.insert(each.value.unix_path).second)
        refuse(config::place_of(each, "unix_path"),
               "another listener has the path \"" + each.value.unix_path + "\" already");
    } else {
      claim(each.value.bind, "listener \"" + each.value.name + "\"",
            config::place_of(each, "bind"));
    }
  }
  if (value_.http.enabled) claim(value_.http.bind, "http.bind", place_of("http.bind"));
  if (value_.cluster.enabled())
    claim(*value_.cluster.listen, "cluster.listen", place_of("cluster.listen"));
}

void draft::check_node() {
  if (value_.node.name.empty()) value_.node.name = host_name();
  // The name becomes a level of $SYS topics.
  if (given_.contains("node.name") && !is_plain_name(value_.node.name))
    refuse(place_of("node.name"), "node.name" + std::string(plain_name_rule));
  if (!is_visible(value_.node.server_reference))
    refuse(place_of("node.server_reference"),
           "node.server_reference must consist of visible ASCII characters, without spaces");
}

void draft::check_http() {
  const http_configuration& http = value_.http;
  if (!http.enabled) return;
  if (http.token.empty()) {
    if (!http.token_file.empty()) return;
    if (given_.contains("http.token") && !is_loopback(http.bind))
      refuse(place_of("http.token"), "http.token is empty, but http.bind is no loopback address");
    else if (!is_loopback(http.bind))
      refuse(place_of("http.bind"),
             "http.bind " + to_string(http.bind) +
                 " can be reached from other machines: set http.token, or use a loopback address");
    return;
  }
  if (http.token.size() < shortest_token)
    refuse(place_of("http.token"),
           "http.token must have at least " + std::to_string(shortest_token) + " characters");
  else if (!is_visible(http.token))
    refuse(place_of("http.token"),
           "http.token must consist of visible ASCII characters, without spaces");
}

void draft::check_groups() {
  std::set<std::string> groups;
  const auto place = place_of("shared_subscription.groups");
  for (const std::string& each : value_.shared_subscription.groups) {
    const auto parsed = parse_group_strategy(each);
    if (!parsed)
      refuse(place, "shared_subscription.groups must hold entries such as \"billing=sticky\", not \"" +
                        each + "\"; the strategy is " +
                        definition::expected_choice(choices<share_strategy>::names));
    else if (!groups.insert(parsed->first).second)
      refuse(place, "shared_subscription.groups names the group \"" + parsed->first + "\" twice");
  }
}

load_result draft::complete() && {
  check_node();
  check_groups();
  check_http();
  check_cluster();
  name_listeners();
  check_transports();
  check_addresses();
  value_.listeners.clear();
  for (listener_draft& each : listeners_) value_.listeners.push_back(std::move(each.value));
  return {std::move(value_), std::move(problems_), {}};
}

}  // namespace troupe::config
