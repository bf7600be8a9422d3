#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <sys/socket.h>

struct ssl_ctx_st;

namespace troupe::bench {

struct options;

/// An address to connect to, and where from.
struct endpoint {
  std::string name;  // as given, for messages and for TLS
  std::string host;
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
};

enum class io : unsigned char { done, again, closed, failed };

struct io_result {
  io status = io::done;
  std::size_t bytes = 0;
};

/// A non-blocking connection over TCP or TLS, for edge-triggered readiness.
class byte_stream {
 public:
  virtual ~byte_stream();
  byte_stream() = default;
  byte_stream(const byte_stream&) = delete;
  byte_stream& operator=(const byte_stream&) = delete;

  /// Begins to connect, from `source` if given; an errno or 0.
  int open(const endpoint& to, const endpoint* source);
  int descriptor() const noexcept { return descriptor_; }
  /// The errno of a connection that was being made, 0: it is there.
  int connect_error() const noexcept;
  /// Closes at once; with `reset`, the port is free again at once, too.
  void close(bool reset) noexcept;

  /// Goes on with the handshake that follows the connection.
  virtual io handshake() { return io::done; }
  virtual io_result read(char* to, std::size_t size) = 0;
  virtual io_result write(const char* from, std::size_t size) = 0;
  /// Whether a read of less than was asked for means that there is no more for now.
  virtual bool short_read_is_last() const noexcept { return true; }
  virtual std::string why() const { return {}; }

 protected:
  int descriptor_ = -1;
};

/// Rules for TLS connections, shared by all. `error` is a sentence.
class tls_client {
 public:
  static std::unique_ptr<tls_client> make(const options& given, std::string& error);
  ~tls_client();
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;
  ssl_ctx_st* native() const noexcept { return context_; }
  bool verifies() const noexcept { return verifies_; }

 private:
  tls_client() = default;
  ssl_ctx_st* context_ = nullptr;
  bool verifies_ = true;
};

/// TCP, or TLS when there are rules for it.
std::unique_ptr<byte_stream> make_stream(const tls_client* tls, const std::string& host);

}  // namespace troupe::bench
