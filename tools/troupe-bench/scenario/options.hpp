#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::bench {

enum class scenario : std::uint8_t {
  fan_in,
  fan_out,
  pairs,
  shared,
  connect,
  idle,
  offline,
  retained,
  reconnect,
};

/// As on the command line: "fan-in".
std::string_view name_of(scenario which) noexcept;
/// Whether publishers and subscribers exchange messages while the run lasts.
bool is_traffic(scenario which) noexcept;

inline constexpr int qos_by_scenario = -1;

/// What the command line says; the defaults are its defaults.
struct options {
  scenario run = scenario::pairs;

  // Load.
  std::uint32_t publishers = 0;   // 0: the scenario's default, filled in by complete()
  std::uint32_t subscribers = 0;  // the same
  std::uint32_t clients = 0;      // the same; of scenarios without publishers
  int qos = qos_by_scenario;
  std::uint32_t payload = 64;  // bytes
  double rate = 0;  // messages per second of all publishers, or connections; 0: closed loop
  std::uint32_t window = 0;  // per publisher, 0: by payload
  std::uint32_t batch = 0;   // messages that a publisher waits to have room for, 0: half the window
  double seconds = 0;        // measured time
  double warm_up = 1;        // seconds before it
  /// Instead of a time; connect: connections, offline: for each session, retained: topics.
  std::uint64_t messages = 0;
  std::uint32_t rounds = 1;  // of reconnect
  double settle = -1;  // seconds between the last SUBACK and the first message, -1: by brokers

  // Connection.
  std::vector<std::string> brokers;
  std::vector<std::string> publish_to;    // empty: brokers
  std::vector<std::string> subscribe_to;  // empty: brokers
  std::vector<std::string> source_addresses;
  std::string version = "3.1.1";  // or "5"
  std::string user;
  std::string password;
  std::uint16_t keep_alive = 60;    // seconds
  std::uint32_t concurrency = 100;  // connections being made at a time
  std::string topic_prefix = "bench";
  std::string client_prefix = "bench";
  std::uint32_t expiry = 0;  // seconds that subscribers' sessions outlive their connection
  bool websocket = false;
  std::string websocket_path = "/mqtt";
  bool tls = false;
  std::string ca;
  std::string certificate;
  std::string key;
  bool insecure = false;

  // The tool itself.
  std::uint32_t threads = 1;
  bool spin = false;
  double stall = 10;       // seconds without progress that end the run
  double deadline = 0;     // seconds of the whole run, 0: by the load
  bool hold = false;       // connect: keep the connections
  bool subscribe = false;  // idle: every client has a subscription
  bool reset = false;      // connections end with RST
  std::vector<int> pids;
  std::string json;  // file, "-" for standard output, or empty
  bool quiet = false;
};

/// The shortest payload: publisher, sequence number and time.
inline constexpr std::uint32_t least_payload = 16;
inline constexpr std::uint32_t largest_payload = 64U << 20;

/// Sockets that the run opens at most, one after the other and at a time. The first
/// is an estimate where time limits the run.
std::uint64_t connections_in_all(const options& given) noexcept;
std::uint64_t connections_at_once(const options& given) noexcept;

/// Fills in what was left to the scenario.
void complete(options& given);

/// What is wrong with completed options, as a sentence; empty: nothing.
std::string complaint(const options& given);

struct host_port {
  std::string host;
  std::string port;
};
/// "host", "host:port", "[::1]:1883"; the port defaults to that of the transport.
std::optional<host_port> split_address(std::string_view text, std::string_view default_port);
/// 1883, 8883 with TLS, 8083 and 8084 with WebSocket.
std::string_view default_port(const options& given) noexcept;

}  // namespace troupe::bench
