#include "tools/troupectl/http_client.hpp"
#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <iomanip>
#include <iostream>
#include <memory>
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

void print_row(const char* label, const std::string& value) {
  std::cout << std::left << std::setw(15) << label << value << "\n";
}

void print_table(const json& status) {
  const auto count = [&](const char* pointer) { return std::to_string(number(status, pointer)); };
  const bool ready = status.value("ready", false);
  print_row("node", status.value("node", "?") + ", version " + status.value("version", "?"));
  print_row("state", ready ? "ready" : "not ready");
  if (const auto reasons = status.find("reasons"); reasons != status.end()) {
    for (const auto& reason : *reasons) print_row("", reason.get<std::string>());
  }
  if (status.value(json::json_pointer("/drain/draining"), false)) {
    const auto to = status.value(json::json_pointer("/drain/server_reference"), std::string());
    print_row("drain", count("/drain/remaining") + " clients left, " + count("/drain/rate") +
                           " a second" + (to.empty() ? "" : ", to " + to));
  }
  print_row("up", duration_text(number(status, "/uptime_seconds")));
  print_row("connections",
            count("/connections/count") + " (most " + count("/connections/maximum") + ")");
  print_row("sessions", count("/sessions/count") + " (" + count("/sessions/connected") +
                            " connected, " + count("/sessions/durable") + " durable)");
  print_row("subscriptions",
            count("/subscriptions/count") + " (" + count("/subscriptions/shared") + " shared)");
  print_row("messages", count("/messages/received") + " received, " + count("/messages/sent") +
                            " sent, " + count("/messages/queued") + " queued, " +
                            count("/messages/retained") + " retained");
  print_row("store", status.value(json::json_pointer("/store/writable"), true)
                         ? "writable"
                         : "NOT WRITABLE: durable messages are refused");
  if (const auto listeners = status.find("listeners"); listeners != status.end()) {
    for (const auto& each : *listeners) {
      print_row("listener", each.value("name", "?") + " " + each.value("kind", "?") + " " +
                                each.value("address", "?") + ", " +
                                std::to_string(each.value("connections", std::uint64_t{0})) +
                                " connections");
    }
  }
}

exit_code show(const node_address& address, bool as_json) {
  const auto answer = http_get(address, "/api/v5/status");
  if (!answer.problem.empty()) {
    std::cerr << "troupectl: " << answer.problem << "\n";
    return failure;
  }
  const auto status = json::parse(answer.body, nullptr, false);
  if (!status.is_object()) {
    std::cerr << "troupectl: What answers at " << address.url << " is no Troupe node.\n";
    return failure;
  }
  if (as_json) {
    std::cout << answer.body;
    return success;
  }
  try {
    print_table(status);
  } catch (const json::exception& unexpected) {
    std::cerr << "troupectl: The node's answer is of another version; --json shows it as it is ("
              << unexpected.what() << ").\n";
    return failure;
  }
  return success;
}

}  // namespace

action declare_status(CLI::App& command) {
  struct options {
    node_address address;
    bool json = false;
  };
  const auto given = std::make_shared<options>();
  add_address_options(command, given->address);
  command.add_flag("--json", given->json, "Print the node's answer as JSON");
  return [given] { return show(given->address, given->json); };
}

}  // namespace troupe::ctl
