#pragma once

#include "protocol/net/loop_context.hpp"
#include "protocol/net/ready_handler.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace troupe::net {

class poller;

/// Where to listen.
struct endpoint {
  enum class kind : std::uint8_t { tcp, unix };
  kind type = kind::tcp;
  std::string address = "0.0.0.0";  // TCP: numeric, IPv4 or IPv6
  std::uint16_t port = 1883;        // TCP: 0 lets the kernel choose
  bool v6only = false;              // TCP: "::" takes IPv6 alone
  std::string path;                 // Unix: the socket's file
  unsigned mode = 0660;             // Unix: its permissions
  int backlog = 4096;               // connections that may wait; the kernel may have fewer
};

/// "127.0.0.1:1883", "[::1]:1883" or the path.
std::string to_string(const endpoint& where);

/// Takes connections on one endpoint. Lives on one run loop; not thread-safe.
///
/// closed -> listening (open) -> closed (stop). When descriptors run out it rests
/// for 250 ms, instead of spinning, and as long as the gate says; the kernel's backlog
/// waits so long.
class acceptor final : private ready_handler {
 public:
  /// Owns `fd`, which is non-blocking. `peer` is "192.0.2.1:40000", "[::1]:40000"
  /// or "unix". The callback may stop or destroy the acceptor.
  using accepted = std::function<void(int fd, std::string peer, bool loopback)>;

  /// Asked before a connection is taken: 0, or how long to leave those that come in the
  /// kernel's backlog until it is asked again.
  using gate = std::function<std::chrono::milliseconds()>;

  explicit acceptor(const loop_context& loop);
  ~acceptor();
  acceptor(const acceptor&) = delete;
  acceptor& operator=(const acceptor&) = delete;

  /// Binds, listens and begins to accept. Empty, or a sentence that says why not.
  /// A Unix socket's file is replaced only if nobody answers on it.
  [[nodiscard]] std::string open(const endpoint& where, accepted on_accept);

  /// From now on; none: every connection is taken at once.
  void set_gate(gate may_enter) { gate_ = std::move(may_enter); }

  /// Stops listening and removes the Unix socket's file, if it still is ours.
  void stop();

  bool listening() const noexcept { return fd_ >= 0; }
  /// The port in use, also when 0 was asked for; 0 for a Unix socket.
  std::uint16_t port() const noexcept { return port_; }
  /// How often accepting had to rest for lack of descriptors or memory.
  std::uint64_t pauses() const noexcept { return pauses_; }

 private:
  void on_ready(unsigned events) override;
  void on_deferred() override {}
  void on_deadline() override;

  std::string open_tcp(const endpoint& where);
  std::string open_unix(const endpoint& where);
  void rest(std::chrono::milliseconds time);

  poller& poller_;
  accepted on_accept_;
  gate gate_;
  int fd_ = -1;
  bool resting_ = false;
  bool* destroyed_ = nullptr;
  std::uint16_t port_ = 0;
  std::uint64_t pauses_ = 0;
  std::string path_;
  std::uint64_t inode_ = 0;  // of path_, to remove no other's file
};

}  // namespace troupe::net
