#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

/// "3 d 4 h 05 min" and the like: the two or three largest units.
std::string duration_text(std::uint64_t seconds) {
  const auto days = seconds / 86400;
  const auto hours = seconds / 3600 % 24;
  const auto minutes = seconds / 60 % 60;
  std::string text;
  if (days > 0) text += std::to_string(days) + " d ";
  if (days > 0 || hours > 0) text += std::to_string(hours) + " h ";
  if (days > 0 || hours > 0 || minutes > 0) text += std::to_string(minutes) + " min ";
  if (days == 0) text += std::to_string(seconds % 60) + " s";
  if (text.back() == ' ') text.pop_back();
  return text;
}

std::uint64_t number(const json& status, const char* pointer) {
  return status.value(json::json_pointer(pointer), std::uint64_t{0});
}

std::string status_text(const json& status) {
  std::string text;
  const auto row = [&](std::string label, const std::string& value) {
    label.resize(15, ' ');
    text += label + harmless(value) + "\n";
  };
  const auto count = [&](const char* pointer) { return std::to_string(number(status, pointer)); };
  const bool ready = status.at("ready").get<bool>();
  row("node", status.value("node", "?") + ", version " + status.value("version", "?"));
  row("state", ready ? "ready" : "not ready");
  if (const auto reasons = status.find("reasons"); reasons != status.end()) {
    for (const auto& reason : *reasons) row("", reason.get<std::string>());
  }
  if (status.value(json::json_pointer("/drain/draining"), false)) {
    const auto to = status.value(json::json_pointer("/drain/server_reference"), std::string());
    row("drain", count("/drain/remaining") + " clients left, " + count("/drain/rate") +
                     " a second" + (to.empty() ? "" : ", to " + to));
  }
  row("up", duration_text(number(status, "/uptime_seconds")));
  row("connections",
      count("/connections/count") + " (most " + count("/connections/maximum") + ")");
  row("sessions", count("/sessions/count") + " (" + count("/sessions/connected") +
                      " connected, " + count("/sessions/durable") + " durable)");
  row("subscriptions",
      count("/subscriptions/count") + " (" + count("/subscriptions/shared") + " shared)");
  row("messages", count("/messages/received") + " received, " + count("/messages/sent") +
                      " sent, " + count("/messages/queued") + " queued, " +
                      count("/messages/retained") + " retained");
  row("store", status.value(json::json_pointer("/store/writable"), true)
                   ? "writable"
                   : "NOT WRITABLE: durable messages are refused");
  if (const auto listeners = status.find("listeners"); listeners != status.end()) {
    for (const auto& each : *listeners) {
      row("listener", each.value("name", "?") + " " + each.value("kind", "?") + " " +
                          each.value("address", "?") + ", " +
                          std::to_string(each.value("connections", std::uint64_t{0})) +
                          " connections");
    }
  }
  return text;
}

}  // namespace

action declare_status(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [how, &with] { return show(with, *how, "/api/v1/status", status_text); };
}

}  // namespace troupe::ctl
