#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/config/load.hpp"

namespace troupe::node {

/// A whole node in this process: store, run loops, actors, listeners, HTTP.
/// Made, started and stopped by main on one thread.
class node_runtime {
 public:
  /// `read` reads the configuration again, as at the start, on any thread; it may block. Empty:
  /// HTTP can neither check nor reload it.
  explicit node_runtime(std::shared_ptr<const config::configuration> from,
                        std::function<config::load_result()> read = {});
  ~node_runtime();
  node_runtime(const node_runtime&) = delete;
  node_runtime& operator=(const node_runtime&) = delete;

  /// Opens the store, restores sessions, listens. Empty, or a sentence that says why not.
  [[nodiscard]] std::string start();

  struct listening {
    std::string name;
    std::string transport;  // "tcp", "tls", "ws", "wss", "unix", "http", "cluster"
    std::string address;    // host, or the path of the socket
    std::uint16_t port = 0;
  };
  /// After start().
  std::vector<listening> listeners() const;

  /// Why the node ends by itself (it sends its process SIGTERM then), or empty. Any thread.
  std::string end_reason() const;

  /// Takes what can change of a new configuration; the outcome is logged.
  void reload(std::shared_ptr<const config::configuration> wanted);

  /// Tells clients (DISCONNECT 0x8B), writes out what is under way, ends. Takes
  /// at most the configured shutdown time.
  void stop();

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace troupe::node
