#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

/// Events of a trace as text for people. Values only.
namespace troupe::ctl {

/// "17:30:12.123456" of that day, UTC.
std::string clock_text(std::int64_t at_us);

/// Whether the event is of the message with that number, or one that ends so; all are of "".
bool of_message(const nlohmann::json& event, const std::string& wanted);

/// All events: what clients do at its time, every message with its hops below it and the time of
/// each since the first.
std::string trace_text(const std::vector<nlohmann::json>& events);

/// Events as they come, a line each, with the time since the first hop of the message.
class trace_lines {
 public:
  std::string line_of(const nlohmann::json& event);

 private:
  // Of how many messages the beginning is remembered.
  static constexpr std::size_t most = 10'000;

  std::map<std::string, std::int64_t> begun_;
  std::deque<std::string> order_;
};

}  // namespace troupe::ctl
