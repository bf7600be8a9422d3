#include "tools/troupectl/verbs/trace_text.hpp"

#include "tools/troupectl/terminal_text.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace troupe::ctl {
namespace {

using nlohmann::json;

std::string text_in(const json& event, const char* name) {
  const auto found = event.find(name);
  return found != event.end() && found->is_string() ? harmless(found->get<std::string>())
                                                    : std::string();
}

std::int64_t time_of(const json& event) {
  return event.value("at_us", std::int64_t{0});
}

std::string padded(std::string text, std::size_t width) {
  if (const auto has = width_of(text); has < width) text.append(width - has, ' ');
  return text;
}

/// "+1,234 us" at the right of its column.
std::string since_text(std::int64_t us) {
  auto digits = std::to_string(us);
  for (auto at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  auto text = "+" + digits + " us";
  return text.size() < 15 ? std::string(15 - text.size(), ' ') + text : text;
}

/// Event, and what it says, with the reason in a word at its end.
std::string what_of(const json& event) {
  auto text = padded(text_in(event, "event"), 13);
  if (const auto peer = text_in(event, "peer"); !peer.empty())
    text += (text_in(event, "event") == "arrived" ? "from " : "to ") + peer + ": ";
  text += text_in(event, "text");
  if (const auto reason = text_in(event, "reason"); !reason.empty()) text += " [" + reason + "]";
  return text;
}

std::size_t width_of_nodes(const std::vector<json>& events) {
  std::size_t width = 2;
  for (const auto& each : events) width = std::max(width, width_of(text_in(each, "node")));
  return width;
}

}  // namespace

std::string clock_text(std::int64_t at_us) {
  const auto seconds = static_cast<std::time_t>(at_us / 1'000'000);
  std::tm at{};
  gmtime_r(&seconds, &at);
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%06lld", at.tm_hour, at.tm_min, at.tm_sec,
                static_cast<long long>(at_us % 1'000'000));
  return text;
}

bool of_message(const json& event, const std::string& wanted) {
  return wanted.empty() || text_in(event, "message").ends_with(wanted);
}

std::string trace_text(const std::vector<json>& events) {
  const auto nodes = width_of_nodes(events);
  std::map<std::string, std::vector<const json*>> messages;
  for (const auto& each : events)
    if (const auto message = text_in(each, "message"); !message.empty())
      messages[message].push_back(&each);
  std::string text;
  bool after_message = false;
  for (const auto& each : events) {
    const auto message = text_in(each, "message");
    if (message.empty()) {
      if (after_message) text += "\n";
      after_message = false;
      text += clock_text(time_of(each)) + "  " + padded(text_in(each, "node"), nodes) + "  " +
              what_of(each);
      if (const auto client = text_in(each, "clientid"); !client.empty())
        text += " (" + client + ")";
      text += "\n";
      continue;
    }
    const auto found = messages.find(message);
    if (found == messages.end()) continue;  // shown with its first hop
    if (!text.empty()) text += "\n";
    after_message = true;
    text += "message " + message + "  " + text_in(each, "topic") + "  " +
            std::to_string(each.value("payload_size", 0U)) + " bytes\n";
    const auto begun = time_of(*found->second.front());
    for (const auto* hop : found->second)
      text +=
          (hop == found->second.front() ? clock_text(begun) : since_text(time_of(*hop) - begun)) +
          "  " + padded(text_in(*hop, "node"), nodes) + "  " + what_of(*hop) + "\n";
    messages.erase(found);
  }
  return text;
}

std::string trace_lines::line_of(const json& event) {
  const auto at = time_of(event);
  auto line = clock_text(at) + "  " + padded(text_in(event, "node"), 4) + "  ";
  const auto message = text_in(event, "message");
  if (message.empty()) {
    line += padded(text_in(event, "clientid"), 28) + "  " + what_of(event);
    return line + "\n";
  }
  const auto [begun, first] = begun_.emplace(message, at);
  if (first) {
    order_.push_back(message);
    if (order_.size() > most) {
      begun_.erase(order_.front());
      order_.pop_front();
    }
  }
  line += message + " " + since_text(at - begun->second) + "  " + what_of(event);
  if (first) line += "  (" + text_in(event, "topic") + ")";
  return line + "\n";
}

}  // namespace troupe::ctl
