#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace troupe::link::testing {

/// A stretch of network between two nodes that a test can break: carries
/// every connection to its own port on to `target`.
class tcp_relay {
 public:
  explicit tcp_relay(std::uint16_t target) : target_(target) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto at = loopback(0);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(listener_, 16);
    socklen_t size = sizeof at;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~tcp_relay() {
    ending_ = true;
    thread_.join();
    ::close(listener_);
  }
  tcp_relay(const tcp_relay&) = delete;
  tcp_relay& operator=(const tcp_relay&) = delete;

  std::uint16_t port() const { return port_; }
  void set_target(std::uint16_t port) { target_ = port; }
  /// Closes every connection, and new ones at once, until mend().
  void cut() { cut_ = true; }
  /// Carries nothing, but keeps the connections: a network that swallows.
  void freeze() { frozen_ = true; }
  void mend() { cut_ = frozen_ = false; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
  }

  void run() {
    std::vector<std::pair<int, int>> open;
    std::vector<char> buffer(64 * 1024);
    while (!ending_) {
      std::vector<pollfd> all{{listener_, POLLIN, 0}};
      if (!frozen_)
        for (auto& [a, b] : open) {
          all.push_back({a, POLLIN, 0});
          all.push_back({b, POLLIN, 0});
        }
      ::poll(all.data(), all.size(), 5);
      if ((all[0].revents & POLLIN) != 0) {
        const int from = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int to = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        auto at = loopback(target_);
        if (cut_ || ::connect(to, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) {
          ::close(from);
          ::close(to);
        } else {
          open.emplace_back(from, to);
        }
      }
      for (std::size_t i = 1; i < all.size(); ++i) {
        if (all[i].revents == 0) continue;
        auto& [a, b] = open[(i - 1) / 2];
        if (a < 0) continue;
        const int to = all[i].fd == a ? b : a;
        const auto got = ::recv(all[i].fd, buffer.data(), buffer.size(), 0);
        if (got <= 0 || !send_all(to, buffer.data(), static_cast<std::size_t>(got))) close(a, b);
      }
      if (cut_ || ending_)
        for (auto& [a, b] : open) close(a, b);
      std::erase_if(open, [](auto& each) { return each.first < 0; });
    }
  }
  static bool send_all(int to, const char* bytes, std::size_t size) {
    while (size > 0) {
      const auto sent = ::send(to, bytes, size, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes += sent;
      size -= static_cast<std::size_t>(sent);
    }
    return true;
  }
  static void close(int& a, int& b) {
    if (a < 0) return;
    ::close(a);
    ::close(b);
    a = b = -1;
  }

  std::atomic<std::uint16_t> target_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<bool> cut_{false};
  std::atomic<bool> frozen_{false};
  std::thread thread_;
};

}  // namespace troupe::link::testing
