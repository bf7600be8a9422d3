#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::net {

/// WebSocket of a listener.
struct websocket_settings {
  std::string path = "/mqtt";
  /// Origins of web pages that may connect, "https://example.org"; empty: all.
  /// Who sends none is no browser and may always.
  std::vector<std::string> origins;
  /// The payload of one frame; a larger one closes the connection with 1009.
  std::uint64_t max_frame_bytes = 268'435'461;  // MQTT's largest packet
};

/// The largest request head that is read.
inline constexpr std::size_t max_upgrade_bytes = 8192;

struct upgrade_answer {
  bool accepted = false;
  std::string response;  // complete, to be sent in both cases
  std::string why;       // of a refusal, for the log
};

/// Answers the head of a request, up to and with its empty line. [MQTT-6.0.0-3]
/// [MQTT-6.0.0-4] No I/O, no state.
upgrade_answer answer_upgrade(std::string_view head, const websocket_settings& settings);

/// The answer to a head that is longer than max_upgrade_bytes.
upgrade_answer refuse_long_upgrade();

}  // namespace troupe::net
