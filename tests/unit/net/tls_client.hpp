#pragma once

#include "tests/unit/net/loop_fixture.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <fcntl.h>
#include <string>
#include <string_view>

namespace troupe::net::testing {

/// OpenSSL's own client over the socket of a raw_client.
class tls_client {
 public:
  explicit tls_client(const std::string& identity = "", int max_version = 0)
      : context_(SSL_CTX_new(TLS_client_method())) {
    if (max_version != 0) SSL_CTX_set_max_proto_version(context_, max_version);
    if (!identity.empty()) {
      SSL_CTX_use_certificate_chain_file(context_, identity.c_str());
      SSL_CTX_use_PrivateKey_file(context_, identity.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_ = SSL_new(context_);
  }
  ~tls_client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;

  SSL* native() const { return ssl_; }
  void attach(const raw_client& socket) {
    ::fcntl(socket.fd, F_SETFL, ::fcntl(socket.fd, F_GETFL) | O_NONBLOCK);
    SSL_set_fd(ssl_, socket.fd);
    SSL_set_connect_state(ssl_);
  }
  /// True when the handshake is done; sets failed() when it never will be.
  bool shake_hands() {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl_);
    note(result);
    return result == 1;
  }
  bool send(std::string_view bytes) {
    ERR_clear_error();
    std::size_t put = 0;
    int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &put);
    return result == 1 && put == bytes.size();
  }
  void poll() {
    char buffer[65536];
    std::size_t got = 0;
    ERR_clear_error();
    int result = 0;
    while ((result = SSL_read_ex(ssl_, buffer, sizeof buffer, &got)) == 1)
      received.append(buffer, got);
    note(result);
  }
  bool failed() const { return failed_; }
  bool ended() const { return ended_; }

  std::string received;

 private:
  void note(int result) {
    if (result == 1) return;
    int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_ZERO_RETURN) ended_ = true;
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) failed_ = true;
  }
  SSL_CTX* context_;
  SSL* ssl_;
  bool failed_ = false;
  bool ended_ = false;
};

}  // namespace troupe::net::testing
