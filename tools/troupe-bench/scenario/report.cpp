#include "tools/troupe-bench/scenario/report.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdio>

namespace troupe::bench {
namespace {

constexpr std::array<std::pair<const char*, double>, 4> quantiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

template <class... Values>
std::string format(const char* with, Values... values) {
  std::array<char, 512> text{};
  const int size = std::snprintf(text.data(), text.size(), with, values...);
  return {text.data(), static_cast<std::size_t>(std::clamp<int>(size, 0, text.size() - 1))};
}

double rate(std::uint64_t count, double seconds) noexcept {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

/// 12,345 or 1.23 M.
std::string number(double value) {
  if (value >= 9'999'500) return format("%.1f M", value / 1e6);
  if (value >= 999'500) return format("%.2f M", value / 1e6);
  if (value >= 10'000) return format("%.1f k", value / 1e3);
  return format("%.0f", value);
}

std::string microseconds(std::uint64_t ns) {
  if (ns >= 10'000'000) return format("%.1f ms", static_cast<double>(ns) / 1e6);
  return format("%.0f us", static_cast<double>(ns) / 1e3);
}

std::string load_of(const options& given) {
  std::string text(name_of(given.run));
  const auto version = ", MQTT " + given.version;
  if (given.run == scenario::connect) {
    text += given.rate > 0 ? ": " + number(given.rate) + " connections/s"
                           : format(": %u at a time", given.concurrency);
    text += version;
  } else if (given.run == scenario::idle) {
    text += format(": %u clients", given.clients) + version;
  } else if (given.run == scenario::reconnect) {
    text += format(": %u clients, %u at a time", given.clients, given.concurrency) + version;
  } else {
    text += format(": %u publishers, %u subscribers", given.publishers, given.subscribers);
    text += version + format(", QoS %d, %u bytes", given.qos, given.payload);
    text += given.rate > 0 ? ", " + number(given.rate) + " messages/s"
                           : format(", window %u", given.window);
  }
  if (given.tls) text += ", TLS";
  if (given.websocket) text += ", WebSocket";
  return text;
}

std::string line_of(const options& given, const measured_phase& phase) {
  auto text = format("  %-9s %s %s in %.2f s, %s/s", phase.name.c_str(),
                     number(static_cast<double>(phase.count)).c_str(), phase.things.c_str(),
                     phase.seconds, number(rate(phase.count, phase.seconds)).c_str());
  if (!given.pids.empty()) {
    text += format("; broker %.2f s CPU (%.0f %% user), %s/CPU s", phase.used.total,
                   phase.used.user + phase.used.system > 0
                       ? 100 * phase.used.user / (phase.used.user + phase.used.system)
                       : 0.0,
                   number(rate(phase.count, phase.used.total)).c_str());
  }
  text += format("; this tool %.2f s, others %.0f %% of a core\n", phase.used.self,
                 phase.used.others_percent);
  return text;
}

std::string memory_of(const report& of) {
  constexpr double megabyte = 1 << 20;
  auto text = format("  memory    broker %.1f MB before, %.1f MB at most",
                     static_cast<double>(of.resident_before) / megabyte,
                     static_cast<double>(of.resident_peak) / megabyte);
  if (of.clients_held > 0 && of.resident_with_clients > of.resident_before) {
    text += format(", %.0f bytes a connection", rate(of.resident_with_clients - of.resident_before,
                                                     static_cast<double>(of.clients_held)));
  }
  return text + "\n";
}

nlohmann::ordered_json usage_json(const measured_phase& phase, bool watched) {
  nlohmann::ordered_json j;
  if (watched) {
    j["cpu_seconds"] = phase.used.total;
    j["user_seconds"] = phase.used.user;
    j["system_seconds"] = phase.used.system;
    j["per_cpu_second"] = rate(phase.count, phase.used.total);
  }
  j["tool_cpu_seconds"] = phase.used.self;
  j["others_percent"] = phase.used.others_percent;
  return j;
}

}  // namespace

std::string summary(const options& given, const report& of) {
  auto text = load_of(given) + "\n";
  for (const auto& phase : of.phases) text += line_of(given, phase);
  if (of.latency.count() > 0) {
    text += format("  %-9s", of.latency_of.c_str());
    for (const auto& [name, share] : quantiles)
      text += std::string(" ") + name + " " + microseconds(of.latency.quantile(share)) + ",";
    text += " max " + microseconds(of.latency.maximum()) + "\n";
  }
  if (of.expected > 0 || of.received > 0) {
    text += format(
        "  checked   %llu sent, %llu of %llu received, %llu lost, %llu duplicated, "
        "%llu reordered",
        static_cast<unsigned long long>(of.sent), static_cast<unsigned long long>(of.received),
        static_cast<unsigned long long>(of.expected), static_cast<unsigned long long>(of.lost),
        static_cast<unsigned long long>(of.duplicated),
        static_cast<unsigned long long>(of.reordered));
    if (of.foreign > 0)
      text += format(", %llu of others", static_cast<unsigned long long>(of.foreign));
    if (of.corrupted > 0)
      text += format(", %llu corrupted", static_cast<unsigned long long>(of.corrupted));
    text += "\n";
  }
  if (of.resident_peak > 0) text += memory_of(of);
  if (!of.failure.empty()) text += "FAILED: " + of.failure + "\n";
  return text;
}

std::string json(const options& given, const report& of) {
  nlohmann::ordered_json j;
  j["scenario"] = name_of(given.run);
  j["ok"] = of.good();
  if (!of.failure.empty()) j["failure"] = of.failure;
  j["settings"] = {{"publishers", given.publishers},
                   {"subscribers", given.subscribers},
                   {"clients", given.clients},
                   {"qos", given.qos},
                   {"payload", given.payload},
                   {"mqtt", given.version},
                   {"rate", given.rate},
                   {"window", given.window},
                   {"batch", given.batch},
                   {"messages", given.messages},
                   {"concurrency", given.concurrency},
                   {"rounds", given.rounds},
                   {"expiry", given.expiry},
                   {"threads", given.threads},
                   {"tls", given.tls},
                   {"websocket", given.websocket},
                   {"publish_to", given.publish_to},
                   {"subscribe_to", given.subscribe_to}};
  auto& phases = j["phases"] = nlohmann::ordered_json::array();
  for (const auto& phase : of.phases) {
    nlohmann::ordered_json p = {{"name", phase.name},
                                {"things", phase.things},
                                {"count", phase.count},
                                {"seconds", phase.seconds},
                                {"per_second", rate(phase.count, phase.seconds)}};
    p.update(usage_json(phase, !given.pids.empty()));
    phases.push_back(std::move(p));
  }
  if (of.latency.count() > 0) {
    auto& l = j["latency_us"];
    l["of"] = of.latency_of;
    l["count"] = of.latency.count();
    l["mean"] = of.latency.mean() / 1e3;
    for (const auto& [name, share] : quantiles)
      l[name] = static_cast<double>(of.latency.quantile(share)) / 1e3;
    l["max"] = static_cast<double>(of.latency.maximum()) / 1e3;
  }
  j["messages"] = {
      {"sent", of.sent},       {"expected", of.expected},     {"received", of.received},
      {"lost", of.lost},       {"duplicated", of.duplicated}, {"reordered", of.reordered},
      {"foreign", of.foreign}, {"corrupted", of.corrupted}};
  if (!given.pids.empty()) {
    j["memory"] = {{"before", of.resident_before}, {"peak", of.resident_peak}};
    if (of.clients_held > 0) {
      j["memory"]["with_clients"] = of.resident_with_clients;
      j["memory"]["clients"] = of.clients_held;
    }
  }
  return j.dump(2);
}

}  // namespace troupe::bench
