#include "tools/troupe-bench/engine/byte_stream.hpp"

#include "tools/troupe-bench/scenario/options.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace troupe::bench {
namespace {

void set(int descriptor, int level, int name, int value) noexcept {
  ::setsockopt(descriptor, level, name, &value, sizeof(value));
}

class tcp_stream final : public byte_stream {
 public:
  io_result read(char* to, std::size_t size) override {
    const auto got = ::recv(descriptor_, to, size, 0);
    if (got > 0) return {io::done, static_cast<std::size_t>(got)};
    if (got == 0) return {io::closed, 0};
    return {errno == EAGAIN || errno == EINTR ? io::again : io::failed, 0};
  }

  io_result write(const char* from, std::size_t size) override {
    const auto sent = ::send(descriptor_, from, size, MSG_NOSIGNAL);
    if (sent >= 0) return {io::done, static_cast<std::size_t>(sent)};
    return {errno == EAGAIN || errno == EINTR ? io::again : io::failed, 0};
  }
};

std::string tls_reason() {
  const auto code = ::ERR_peek_last_error();
  const char* const text = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return text == nullptr ? "unknown reason" : text;
}

class tls_stream final : public byte_stream {
 public:
  tls_stream(const tls_client& rules, const std::string& host) : ssl_(::SSL_new(rules.native())) {
    ::SSL_set_connect_state(ssl_);
    in_addr four{};
    in6_addr six{};
    const bool numeric = ::inet_pton(AF_INET, host.c_str(), &four) == 1 ||
                         ::inet_pton(AF_INET6, host.c_str(), &six) == 1;
    if (!numeric) ::SSL_set_tlsext_host_name(ssl_, host.c_str());
    if (!rules.verifies()) return;
    if (numeric) {
      ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_), host.c_str());
    } else {
      ::SSL_set1_host(ssl_, host.c_str());
    }
  }
  ~tls_stream() override { ::SSL_free(ssl_); }

  io handshake() override {
    if (::SSL_get_fd(ssl_) != descriptor_) ::SSL_set_fd(ssl_, descriptor_);
    return status(::SSL_do_handshake(ssl_));
  }

  io_result read(char* to, std::size_t size) override {
    std::size_t got = 0;
    const auto result = ::SSL_read_ex(ssl_, to, size, &got);
    return {result == 1 ? io::done : status(result), got};
  }

  io_result write(const char* from, std::size_t size) override {
    std::size_t sent = 0;
    const auto result = ::SSL_write_ex(ssl_, from, size, &sent);
    return {result == 1 ? io::done : status(result), sent};
  }

  bool short_read_is_last() const noexcept override { return false; }  // a record at a time
  std::string why() const override { return why_; }

 private:
  io status(int result) {
    if (result == 1) return io::done;
    switch (::SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return io::again;
      case SSL_ERROR_ZERO_RETURN:
        return io::closed;
      case SSL_ERROR_SYSCALL:
        ::ERR_clear_error();
        return io::closed;
      default:
        why_ = "TLS: " + tls_reason();
        return io::failed;
    }
  }

  SSL* ssl_;
  std::string why_;
};

}  // namespace

byte_stream::~byte_stream() {
  close(false);
}

int byte_stream::open(const endpoint& to, const endpoint* source) {
  descriptor_ = ::socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return errno;
  set(descriptor_, IPPROTO_TCP, TCP_NODELAY, 1);
  if (source != nullptr) {
    set(descriptor_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    const auto* const from = reinterpret_cast<const sockaddr*>(&source->address);
    if (::bind(descriptor_, from, source->address_bytes) != 0) return errno;
  }
  const auto* const address = reinterpret_cast<const sockaddr*>(&to.address);
  if (::connect(descriptor_, address, to.address_bytes) == 0 || errno == EINPROGRESS) return 0;
  return errno;
}

int byte_stream::connect_error() const noexcept {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void byte_stream::close(bool reset) noexcept {
  if (descriptor_ < 0) return;
  if (reset) {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  ::close(descriptor_);
  descriptor_ = -1;
}

std::unique_ptr<tls_client> tls_client::make(const options& given, std::string& error) {
  std::unique_ptr<tls_client> made(new tls_client);
  made->context_ = ::SSL_CTX_new(::TLS_client_method());
  if (made->context_ == nullptr) {
    error = "OpenSSL cannot start: " + tls_reason() + ".";
    return nullptr;
  }
  auto* const context = made->context_;
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  made->verifies_ = !given.insecure;
  if (made->verifies_) {
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    const bool loaded =
        given.ca.empty() ? ::SSL_CTX_set_default_verify_paths(context) == 1
                         : ::SSL_CTX_load_verify_locations(context, given.ca.c_str(), nullptr) == 1;
    if (!loaded) {
      error = "The certificates of --ca cannot be read: " + tls_reason() + ".";
      return nullptr;
    }
  }
  if (!given.certificate.empty() &&
      (::SSL_CTX_use_certificate_chain_file(context, given.certificate.c_str()) != 1 ||
       ::SSL_CTX_use_PrivateKey_file(context, given.key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    error = "--cert and --key cannot be used: " + tls_reason() + ".";
    return nullptr;
  }
  return made;
}

tls_client::~tls_client() {
  ::SSL_CTX_free(context_);
}

std::unique_ptr<byte_stream> make_stream(const tls_client* tls, const std::string& host) {
  if (tls != nullptr) return std::make_unique<tls_stream>(*tls, host);
  return std::make_unique<tcp_stream>();
}

}  // namespace troupe::bench
