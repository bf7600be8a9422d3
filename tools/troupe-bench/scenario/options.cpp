#include "tools/troupe-bench/scenario/options.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::bench {
namespace {

struct defaults {
  scenario which;
  std::string_view name;
  std::uint32_t publishers;
  std::uint32_t subscribers;
  std::uint32_t clients;
};

constexpr defaults table[] = {
    {scenario::fan_in, "fan-in", 100, 1, 0},        {scenario::fan_out, "fan-out", 1, 500, 0},
    {scenario::pairs, "pairs", 200, 0, 0},          {scenario::shared, "shared", 100, 10, 0},
    {scenario::connect, "connect", 0, 0, 0},        {scenario::idle, "idle", 0, 0, 1000},
    {scenario::offline, "offline", 0, 0, 100},      {scenario::retained, "retained", 10, 1, 0},
    {scenario::reconnect, "reconnect", 0, 0, 1000},
};

const defaults& defaults_of(scenario which) noexcept {
  return *std::find_if(std::begin(table), std::end(table),
                       [which](const auto& each) { return each.which == which; });
}

/// Whether the broker keeps messages until somebody comes for them.
bool is_stored(scenario which) noexcept {
  return which == scenario::offline || which == scenario::retained;
}

/// Messages or connections of the whole run, and 0 where time limits it.
std::uint64_t work_of(const options& given) noexcept {
  if (given.run == scenario::offline) return given.messages * given.clients;
  if (given.run == scenario::retained) return given.messages * (2 + given.subscribers);
  if (given.run == scenario::reconnect) return connections_in_all(given);
  if (given.run == scenario::idle) return given.clients;
  return given.messages;
}

constexpr std::uint32_t most_clients = 1'000'000;

std::string complain_of_addresses(const options& given) {
  for (const auto* list : {&given.brokers, &given.publish_to, &given.subscribe_to}) {
    for (const auto& each : *list) {
      if (!split_address(each, "1")) return "'" + each + "' is not HOST or HOST:PORT.";
    }
  }
  return {};
}

std::string complain_of_counts(const options& given) {
  if (given.run == scenario::fan_in && given.subscribers != 1) {
    return "fan-in has one subscriber; use shared for several that divide the load.";
  }
  if (given.run == scenario::fan_out && given.publishers != 1) {
    return "fan-out has one publisher.";
  }
  if (given.run == scenario::pairs && given.subscribers != given.publishers) {
    return "pairs has as many subscribers as publishers.";
  }
  if (std::max({given.publishers, given.subscribers, given.clients}) > most_clients) {
    return "More than 1,000,000 clients do not fit into one process.";
  }
  const bool counts_time = is_traffic(given.run) || given.run == scenario::connect;
  if (counts_time && given.seconds > 0 && given.messages > 0) {
    return "Give --time or a number of messages or connections, not both.";
  }
  if (given.run == scenario::retained && given.messages < given.publishers) {
    return "--topics must be at least the number of publishers.";
  }
  if (given.hold && given.messages == 0) {
    return "--hold needs --connections: a number of connections that are held.";
  }
  if (given.messages > UINT32_MAX) return "At most 4294967295 messages can be numbered.";
  return {};
}

std::string complain_of_load(const options& given) {
  if (given.qos < 0 || given.qos > 2) return "--qos is 0, 1 or 2.";
  if (given.payload < least_payload) {
    return "--payload is at least 16 bytes: publisher, sequence number and time are in it.";
  }
  if (given.payload > largest_payload) return "--payload is at most 64 MiB.";
  if (!std::isfinite(given.rate) || given.rate < 0 || given.rate > 1e9) {
    return "--rate is a number of messages or connections per second.";
  }
  if (given.window == 0 || given.window > 65535) return "--window is 1 to 65535.";
  if (given.batch > given.window) return "--batch is at most the window.";
  if (is_stored(given.run) && given.qos == 0) {
    return std::string(name_of(given.run)) +
           " needs --qos 1 or 2: only an acknowledgement says that the broker has stored a "
           "message.";
  }
  return {};
}

std::string complain_of_tool(const options& given) {
  if (given.version != "3.1.1" && given.version != "5") return "--mqtt is 3.1.1 or 5.";
  if (given.threads == 0 || given.threads > 256) return "--threads is 1 to 256.";
  if (given.concurrency == 0) return "--concurrency is at least 1.";
  if (given.seconds < 0 || given.warm_up < 0 || given.stall <= 0 || given.deadline < 0) {
    return "Times are not negative, and --stall is above 0.";
  }
  if (given.rounds == 0) return "--rounds is at least 1.";
  if (given.certificate.empty() != given.key.empty()) return "--cert and --key go together.";
  if (!given.tls && (!given.ca.empty() || !given.key.empty() || given.insecure)) {
    return "--ca, --cert, --key and --insecure need --tls.";
  }
  if (given.user.empty() && !given.password.empty()) return "--password needs --user.";
  if (given.topic_prefix.find_first_of("+#") != std::string::npos) {
    return "--topic is a prefix of topic names, without wildcards.";
  }
  return {};
}

}  // namespace

std::string_view name_of(scenario which) noexcept {
  return defaults_of(which).name;
}

bool is_traffic(scenario which) noexcept {
  return which == scenario::fan_in || which == scenario::fan_out || which == scenario::pairs ||
         which == scenario::shared;
}

std::uint64_t connections_in_all(const options& given) noexcept {
  constexpr double most_a_second = 30'000;
  const std::uint64_t clients = given.clients;
  switch (given.run) {
    case scenario::connect:
      if (given.messages > 0) return given.messages;
      return static_cast<std::uint64_t>((given.seconds + given.warm_up) *
                                        (given.rate > 0 ? given.rate : most_a_second));
    case scenario::idle:
      return clients;
    case scenario::offline:
      return 5 * clients;
    case scenario::reconnect:
      return clients * (given.rounds + 3ULL);
    case scenario::retained:
      return 2ULL * given.publishers + given.subscribers;
    default:
      return std::uint64_t{given.publishers} + given.subscribers;
  }
}

std::uint64_t connections_at_once(const options& given) noexcept {
  if (given.run == scenario::connect) return given.hold ? given.messages : given.concurrency;
  if (given.run == scenario::retained) return std::max(given.publishers, given.subscribers);
  if (!is_traffic(given.run)) return given.clients;
  return std::uint64_t{given.publishers} + given.subscribers;
}

void complete(options& given) {
  const auto& usual = defaults_of(given.run);
  if (given.publishers == 0) given.publishers = usual.publishers;
  if (given.subscribers == 0) given.subscribers = usual.subscribers;
  if (given.clients == 0) given.clients = usual.clients;
  if (given.run == scenario::pairs && given.subscribers == 0) given.subscribers = given.publishers;
  if (given.run == scenario::offline) {
    given.publishers = given.subscribers = given.clients;
    if (given.messages == 0) given.messages = 1000;
  }
  if (given.run == scenario::retained && given.messages == 0) given.messages = 10000;
  if (given.run == scenario::connect && given.messages == 0 && given.seconds == 0) {
    given.messages = 10000;
  }
  if (given.qos == qos_by_scenario) given.qos = is_stored(given.run) ? 1 : 0;
  const bool durable = given.run == scenario::offline || given.run == scenario::reconnect;
  if (durable && given.expiry == 0) given.expiry = 3600;
  if (given.messages == 0 && given.seconds == 0) given.seconds = 5;
  if (given.window == 0) {
    // About a megabyte under way for each publisher, as long as that is not too few to be in bulk.
    given.window = std::clamp<std::uint32_t>((1U << 20) / std::max(given.payload, 1U), 4, 200);
    // Version 3.1.1 has no word for how many of QoS 2 a broker takes at a time; Mosquitto
    // takes 20 and answers no more when it gets more.
    if (given.qos == 2 && given.version != "5") given.window = std::min(given.window, 20U);
    // All that is under way may stand in the queue of one subscriber, which brokers limit.
    if (given.run == scenario::fan_in)
      given.window = std::clamp<std::uint32_t>(8'000 / given.publishers, 1, given.window);
  }
  if (given.batch == 0) given.batch = std::max(1U, given.window / 2);
  if (given.brokers.empty()) given.brokers.emplace_back("127.0.0.1");
  if (given.publish_to.empty()) given.publish_to = given.brokers;
  if (given.subscribe_to.empty()) given.subscribe_to = given.brokers;
  if (given.settle < 0) {
    const bool several = given.publish_to != given.subscribe_to || given.brokers.size() > 1;
    given.settle = several ? 1 : 0;
  }
  if (given.deadline == 0) {
    constexpr double slowest = 1'000;  // things per second
    given.deadline = given.seconds + given.warm_up + given.settle + 120 +
                     static_cast<double>(work_of(given)) / slowest;
  }
}

std::string complaint(const options& given) {
  for (const auto check :
       {complain_of_addresses, complain_of_counts, complain_of_load, complain_of_tool}) {
    if (auto sentence = check(given); !sentence.empty()) return sentence;
  }
  return {};
}

std::optional<host_port> split_address(std::string_view text, std::string_view port) {
  std::string_view host = text;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    const auto rest = text.substr(end + 1);
    if (!rest.empty()) {
      if (rest.front() != ':') return std::nullopt;
      port = rest.substr(1);
    }
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (host.empty() || port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  const auto value = std::stoul(std::string(port));
  if (value == 0 || value > 65535) return std::nullopt;
  return host_port{std::string(host), std::string(port)};
}

std::string_view default_port(const options& given) noexcept {
  if (given.websocket) return given.tls ? "8084" : "8083";
  return given.tls ? "8883" : "1883";
}

}  // namespace troupe::bench
