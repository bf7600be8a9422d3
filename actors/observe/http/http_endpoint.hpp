#pragma once

#include "actors/observe/http/http_router.hpp"
#include "protocol/auth/admin/admin_tokens.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace troupe::observe {

struct http_settings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 18083;  // 0: the kernel chooses
  /// One of which `Authorization: Bearer` must show; null or empty: none, which only a
  /// loopback address may have, and whoever asks there is an admin.
  std::shared_ptr<const auth::admin_tokens> tokens;
  /// Path of a Unix socket beside the port, where root and the node's own user are admins
  /// without a token; empty: none.
  std::string socket;
  std::size_t max_connections = 100;
  std::size_t max_local_connections = 16;  // of the Unix socket, beside the others
  std::uint32_t header_limit = 8 * 1024;  // bytes
  std::uint64_t body_limit = 64 * 1024;   // bytes
  /// For each of: reading one request, answering it, writing the answer.
  std::uint32_t timeout_ms = 10'000;
  /// How the reply of a handler reaches the loop, from any thread; by itself
  /// through Asio, which a loop that sleeps elsewhere does not hear.
  std::function<void(std::function<void()>)> post;
};

/// HTTP/1.1 for probes, Prometheus and people. All on one io_context, which
/// one thread runs; not thread-safe, except that handlers reply from anywhere.
/// The io_context outlives every reply that a handler may still give.
class http_endpoint {
 public:
  http_endpoint(boost::asio::io_context& loop, http_settings settings, http_router routes);
  /// Stops. Pending handlers may still run: they find nothing to do.
  ~http_endpoint();
  http_endpoint(const http_endpoint&) = delete;
  http_endpoint& operator=(const http_endpoint&) = delete;

  /// Binds and accepts. Returns what is wrong, as a sentence, or nothing.
  std::string start();
  /// Closes the listener and every connection. On the loop's thread.
  void stop();
  /// The tokens of requests from now on. On the loop's thread. Nothing changes
  /// if there are none and the address is not loopback.
  void set_tokens(std::shared_ptr<const auth::admin_tokens> tokens);

  /// As bound; 0 before start().
  std::uint16_t port() const noexcept;
  std::size_t connections() const noexcept;

 private:
  class server;
  std::shared_ptr<server> server_;
};

}  // namespace troupe::observe
