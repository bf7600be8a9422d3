#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace troupe::net {

/// Whether devices show certificates.
enum class client_certificates : std::uint8_t { none, optional, required };

/// TLS of a listener; files are PEM.
struct tls_settings {
  std::string certificate_file;     // the server's, followed by its chain
  std::string key_file;             // empty: in certificate_file
  std::string key_password;         // the secret itself; empty: see the next
  std::string key_password_file;    // empty: the key is not encrypted
  std::string ca_file;              // who may sign client certificates
  std::string ca_path;              // the same as a folder with hashed names
  std::string crl_file;             // revoked client certificates
  std::string ciphers;              // TLS 1.2, in OpenSSL's words; empty: OpenSSL's default
  std::string ciphersuites;         // TLS 1.3, the same; empty: AES-128 first, then AES-256
  std::string min_version = "1.2";  // or "1.3"
  client_certificates clients = client_certificates::none;
};

class tls_context;

/// A context, or a sentence that says what is wrong with the settings.
struct tls_context_result {
  std::shared_ptr<const tls_context> context;
  std::string error;
};

/// Keys and rules for new TLS connections. Immutable and thread-safe: to reload,
/// make a new one and give it to new connections; the old one lives as long as
/// connections that were made with it.
class tls_context {
 public:
  /// Reads the files. TLS 1.2 or later, stateless session tickets, no
  /// renegotiation, no compression, ALPN "mqtt" and "http/1.1".
  static tls_context_result make(const tls_settings& settings);

  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  /// When the server's certificate ends, for metrics and warnings.
  std::chrono::system_clock::time_point certificate_expiry() const noexcept { return expiry_; }

  ssl_ctx_st* native() const noexcept { return context_; }

 private:
  tls_context();
  std::string configure(const tls_settings& settings);

  ssl_ctx_st* context_ = nullptr;
  std::chrono::system_clock::time_point expiry_;
};

/// Empties OpenSSL's error queue of this thread and returns its first reason in
/// words; `otherwise` if it was empty.
std::string take_tls_error(const char* otherwise);

}  // namespace troupe::net
