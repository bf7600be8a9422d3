#pragma once

#include "actors/observe/http/http_message.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

namespace troupe::observe {

/// Who is at the other end, before a word is said.
struct http_peer {
  std::string address;      // "127.0.0.1:40000" or "unix"
  bool local = false;       // through the Unix socket
  uid_t uid = 0;            // of a local one
  bool privileged = false;  // a local one that is root or runs as the node does
};

/// Takes connections of a TCP port or of a Unix socket. Lives as long as its own accept is
/// pending; on the loop's thread.
class http_acceptor : public std::enable_shared_from_this<http_acceptor> {
 public:
  using protocol = boost::asio::generic::stream_protocol;
  using socket = protocol::socket;
  using taken = std::function<void(socket, http_peer)>;

  http_acceptor(boost::asio::io_context& loop, taken on_taken);

  /// Each binds and accepts. Returns what is wrong, as a sentence, or nothing.
  std::string listen(const std::string& address, std::uint16_t port);
  /// The socket of a dead process is replaced, anything else at the path refused. Only the
  /// owner may connect, beside root.
  std::string listen(const std::string& path);
  /// Takes the Unix socket away, too.
  void stop();

  std::uint16_t port() const noexcept { return port_; }

 private:
  using error_code = boost::system::error_code;
  void begin(const protocol::endpoint& at, error_code& error);
  void accept();
  void accept_later(const error_code& error);

  boost::asio::basic_socket_acceptor<protocol> acceptor_;
  boost::asio::steady_timer retry_;
  taken on_taken_;
  std::string path_;  // of the Unix socket that is ours
  std::uint16_t port_ = 0;
  bool stopped_ = false;
};

}  // namespace troupe::observe
