#include "actors/observe/sys_tree.hpp"

#include <cstdint>
#include <cstdio>
#include <utility>

namespace troupe::observe {
namespace {

constexpr std::string_view root = "$SYS/broker/";
constexpr unsigned packet_types = 15;
constexpr unsigned qos_levels = 3;

std::uint64_t sum(const counter_values& counters, counter first, unsigned rows) {
  std::uint64_t total = 0;
  for (unsigned i = 0; i < rows; ++i) total += counters[index(after(first, i))];
  return total;
}

/// Mosquitto's counts; its "messages" are packets of any type.
struct traffic {
  explicit traffic(const counter_values& counters)
      : messages_received(sum(counters, counter::packets_received_connect, packet_types)),
        messages_sent(sum(counters, counter::packets_sent_connect, packet_types)),
        publish_received(sum(counters, counter::messages_received_qos0, qos_levels)),
        publish_sent(sum(counters, counter::messages_sent_qos0, qos_levels)) {
    for (std::size_t i = 0; i < counter_count; ++i) {
      const auto c = static_cast<counter>(i);
      // A message that nobody wanted, or that its sender must not get, is no loss.
      if (counter_table[i].metric == "messages_dropped" &&
          c != counter::messages_dropped_no_subscribers && c != counter::messages_dropped_no_local)
        publish_dropped += counters[i];
    }
  }

  std::uint64_t messages_received;
  std::uint64_t messages_sent;
  std::uint64_t publish_received;
  std::uint64_t publish_sent;
  std::uint64_t publish_dropped = 0;
};

std::string two_digits(double value) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.2f", value);
  return {text.data(), static_cast<std::size_t>(length)};
}

/// A node's name as one level of a topic.
std::string topic_level(std::string_view name) {
  std::string level(name);
  for (char& c : level) {
    if (c == '/' || c == '+' || c == '#' || static_cast<unsigned char>(c) < 0x20) c = '_';
  }
  return level;
}

}  // namespace

std::vector<sys_value> sys_tree::update(const snapshot& now, const counter_values& counters,
                                        const process_figures& process) {
  changed_.clear();
  const std::string uptime =
      std::to_string(static_cast<std::uint64_t>(now.uptime_seconds)) + " seconds";
  set(std::string(root) + "version", "troupe version " + now.version);
  set(std::string(root) + "uptime", uptime);
  set(std::string(root) + "heap/current", std::to_string(process.resident_bytes));
  set(std::string(root) + "heap/maximum", std::to_string(process.resident_peak_bytes));
  update_clients(now, counters);
  update_traffic(now, counters);
  update_loads(now, counters);
  update_node(now, counters);
  return std::exchange(changed_, {});
}

void sys_tree::set(std::string topic, std::string value) {
  auto& last = values_[topic];
  if (last == value) return;
  last = value;
  changed_.push_back({std::move(topic), std::move(value)});
}

void sys_tree::update_clients(const snapshot& now, const counter_values& counters) {
  const auto put = [&](std::string_view topic, std::uint64_t value) {
    set(std::string(root).append(topic), std::to_string(value));
  };
  // Sessions and connections are counted one after the other: never below zero.
  const auto away =
      now.sessions > now.sessions_connected ? now.sessions - now.sessions_connected : 0;
  put("clients/connected", now.sessions_connected);
  put("clients/disconnected", away);
  put("clients/total", now.sessions);
  put("clients/maximum", now.sessions_connected_maximum);
  put("clients/expired", counters[index(counter::sessions_expired)]);
  put("subscriptions/count", now.subscriptions);
  put("shared_subscriptions/count", now.subscriptions_shared);
}

void sys_tree::update_traffic(const snapshot& now, const counter_values& counters) {
  const auto put = [&](std::string_view topic, std::uint64_t value) {
    set(std::string(root).append(topic), std::to_string(value));
  };
  const traffic total(counters);
  put("messages/received", total.messages_received);
  put("messages/sent", total.messages_sent);
  put("messages/stored", now.retained + now.queued_messages);
  put("publish/messages/received", total.publish_received);
  put("publish/messages/sent", total.publish_sent);
  put("publish/messages/dropped", total.publish_dropped);
  put("publish/bytes/received", counters[index(counter::message_bytes_received)]);
  put("publish/bytes/sent", counters[index(counter::message_bytes_sent)]);
  put("bytes/received", counters[index(counter::bytes_received)]);
  put("bytes/sent", counters[index(counter::bytes_sent)]);
  put("retained messages/count", now.retained);
  put("store/messages/count", now.retained + now.queued_messages);
  put("store/messages/bytes", now.owed_backlog_bytes);
}

void sys_tree::update_loads(const snapshot& now, const counter_values& counters) {
  const traffic total(counters);
  const std::array<std::pair<std::string_view, std::uint64_t>, load_count> rows{{
      {"messages/received", total.messages_received},
      {"messages/sent", total.messages_sent},
      {"publish/received", total.publish_received},
      {"publish/sent", total.publish_sent},
      {"publish/dropped", total.publish_dropped},
      {"bytes/received", counters[index(counter::bytes_received)]},
      {"bytes/sent", counters[index(counter::bytes_sent)]},
      {"sockets", counters[index(counter::connections_accepted)]},
      {"connections", counters[index(counter::packets_received_connect)]},
  }};
  constexpr std::array<std::string_view, 3> spans{"/1min", "/5min", "/15min"};
  const double passed = now.uptime_seconds - last_uptime_;
  if (passed > 0) last_uptime_ = now.uptime_seconds;
  for (std::size_t i = 0; i < load_count; ++i) {
    loads_[i].update(rows[i].second, passed);
    for (std::size_t span = 0; span < spans.size(); ++span) {
      set(std::string(root).append("load/").append(rows[i].first).append(spans[span]),
          two_digits(loads_[i].per_minute()[span]));
    }
  }
}

void sys_tree::update_node(const snapshot& now, const counter_values& counters) {
  const std::string prefix = "$SYS/brokers/" + topic_level(now.node) + "/";
  const auto put = [&](std::string_view topic, std::uint64_t value) {
    set(prefix + std::string(topic), std::to_string(value));
  };
  set(prefix + "version", now.version);
  put("uptime", static_cast<std::uint64_t>(now.uptime_seconds));
  put("stats/connections/count", now.connections);
  put("stats/connections/max", now.connections_maximum);
  put("stats/sessions/count", now.sessions);
  put("stats/sessions/connected", now.sessions_connected);
  put("stats/sessions/durable", now.sessions_durable);
  put("stats/subscriptions/count", now.subscriptions);
  put("stats/subscriptions/shared/count", now.subscriptions_shared);
  put("stats/retained/count", now.retained);
  put("stats/messages/queued", now.queued_messages);
  // Every counter, by its metric and the value of its label.
  for (std::size_t i = 0; i < counter_count; ++i) {
    const auto& row = counter_table[i];
    std::string topic = "metrics/" + std::string(row.metric);
    if (!row.value.empty()) topic.append("/").append(row.value);
    put(topic, counters[i]);
  }
}

}  // namespace troupe::observe
