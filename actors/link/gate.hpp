#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "actors/link/socket_handle.hpp"

namespace troupe::link {

/// Listens on the cluster port where there is no TLS, and lets nobody in who
/// does not prove the secret (cluster/link/gate_words.hpp): CAF's protocol reserves
/// as much memory as 32 bytes of a stranger claim, keeps silent connections for
/// ever, and believes any node id. Few strangers at a time, each for a short
/// time. A thread of its own.
class gate {
 public:
  /// `enter` is called on the gate's thread with a connection that has proved
  /// itself; it owns it.
  gate(std::string secret, std::function<void(int fd)> enter);
  ~gate();
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

  /// Numeric address, "": all. Answers why not, or "".
  std::string open(const std::string& address, std::uint16_t port);
  std::uint16_t port() const noexcept { return port_; }
  /// enter() is not called any more when this returns.
  void close();

 private:
  using clock = std::chrono::steady_clock;
  struct guest {
    socket_handle socket;
    clock::time_point deadline;
    std::string in;
    std::string dialer_nonce;  // "": its hello is still awaited
    std::string nonce;
  };

  void run();
  void accept(std::vector<guest>& guests);
  /// False: the guest is to go; or it has been let in.
  bool serve(guest& who);
  void refused(const char* why);

  const std::string secret_;
  const std::function<void(int)> enter_;
  socket_handle listener_;
  socket_handle wake_;
  std::uint16_t port_ = 0;
  std::atomic<bool> closing_{false};
  std::thread thread_;
  std::uint64_t unreported_ = 0;
  clock::time_point quiet_until_;
};

}  // namespace troupe::link
