#pragma once

#include "protocol/net/acceptor.hpp"
#include "protocol/net/loop_context.hpp"
#include "protocol/net/make_transport.hpp"
#include "protocol/net/transport.hpp"

#include <boost/asio/io_context.hpp>

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace troupe::net::testing {

/// A run loop in the test's own thread.
struct loop_fixture {
  boost::asio::io_context io{1};
  std::vector<char> scratch = std::vector<char>(std::size_t{64} * 1024);
  loop_context loop{io, scratch};

  /// Runs the loop until `done` or for 5 s; false if it never was.
  bool run_until(const std::function<bool()>& done,
                 std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      io.restart();
      io.run_one_for(std::chrono::milliseconds(1));
    }
    return true;
  }
};

/// A handler that writes down what it is told.
struct recorder : transport_handler {
  std::function<void(std::string_view)> reply;
  std::function<void()> at_open;
  std::function<void()> at_close;
  peer_info peer;
  std::string received;
  std::string why;
  int opened = 0;
  int reads = 0;
  int drained = 0;
  int closed = 0;

  void on_open(const peer_info& who) override {
    ++opened;
    peer = who;
    if (at_open) at_open();
  }
  void on_read(std::string_view bytes) override {
    ++reads;
    received.append(bytes);
    if (reply) reply(bytes);
  }
  void on_drained() override { ++drained; }
  void on_closed(std::string_view reason) override {
    ++closed;
    why = reason;
    if (at_close) at_close();
  }
};

/// The other end: a non-blocking socket without any code of ours.
struct raw_client {
  int fd = -1;
  std::string received;
  bool ended = false;
  int error = 0;

  raw_client() = default;
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  ~raw_client() { disconnect(); }

  bool connect_tcp(std::uint16_t port, int receive_buffer = 0) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer != 0)
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  bool send_all(std::string_view bytes) const {
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(bytes.size());
  }
  /// Takes what is there.
  void poll() {
    char buffer[65536];
    while (!ended) {
      ssize_t got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) {
        received.append(buffer, static_cast<std::size_t>(got));
        continue;
      }
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        ended = true;
        error = got == 0 ? 0 : errno;
      }
      return;
    }
  }
  void disconnect() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  void reset() {
    linger hard{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    disconnect();
  }
};

/// One accepted connection on a port of the kernel's choice.
struct connected_fixture : loop_fixture {
  transport_options options;
  acceptor listener{loop};
  recorder server;
  std::unique_ptr<transport> link;
  raw_client client;

  /// Connects the client and makes the transport, not started yet.
  bool connect(int receive_buffer = 0) {
    endpoint where;
    where.address = "127.0.0.1";
    where.port = 0;
    if (!listener.listening() && !listener
                                      .open(where,
                                            [this](int fd, std::string peer, bool loopback) {
                                              link = make_transport(loop, fd, std::move(peer),
                                                                    loopback, options);
                                            })
                                      .empty())
      return false;
    link.reset();
    return client.connect_tcp(listener.port(), receive_buffer) &&
           run_until([this] { return link != nullptr; });
  }
  bool open(int receive_buffer = 0) {
    if (!connect(receive_buffer)) return false;
    link->start(server);
    return run_until([this] { return server.opened == 1; });
  }
};

}  // namespace troupe::net::testing
