#include "protocol/net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string_view>
#include <system_error>

namespace troupe::net {
namespace {

constexpr unsigned char session_context[] = "troupe";
/// OpenSSL's own, but the one first that costs least, in time and in what each
/// connection keeps of its handshake.
constexpr const char* default_ciphersuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr unsigned char protocols[] = "\x04mqtt\x08http/1.1";

/// Why `path` cannot be read, or empty.
std::string unreadable(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (file.good() && (file.peek() != std::ifstream::traits_type::eof())) return {};
  return errno != 0 ? std::system_category().message(errno) : "the file is empty";
}

std::string refusal(const char* what, const std::string& path, const std::string& why) {
  return std::string("cannot use ") + what + " " + path + ": " + why;
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, protocols, sizeof protocols - 1, offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

int give_password(char* buffer, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (size <= 0 || text.size() > static_cast<std::size_t>(size)) return 0;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

std::string load_key(SSL_CTX* context, const tls_settings& settings) {
  const std::string& path =
      settings.key_file.empty() ? settings.certificate_file : settings.key_file;
  if (auto why = unreadable(path); !why.empty()) return refusal("the key", path, why);
  std::string password = settings.key_password;
  if (!settings.key_password_file.empty()) {
    const std::string& from = settings.key_password_file;
    if (auto why = unreadable(from); !why.empty()) return refusal("the key's password", from, why);
    std::ifstream file(from);
    std::getline(file, password);
    if (!password.empty() && password.back() == '\r') password.pop_back();
  }
  // Without a password OpenSSL must not ask on the terminal.
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  int loaded = SSL_CTX_use_PrivateKey_file(context, path.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  OPENSSL_cleanse(password.data(), password.size());
  if (loaded != 1) return refusal("the key", path, take_tls_error("not a private key"));
  if (SSL_CTX_check_private_key(context) != 1)
    return refusal("the key", path, take_tls_error("it does not belong to the certificate"));
  return {};
}

std::string load_authorities(SSL_CTX* context, const tls_settings& settings) {
  if (settings.ca_file.empty() && settings.ca_path.empty())
    return "client certificates need a certificate authority: set its file or folder";
  if (!settings.ca_file.empty()) {
    const char* what = "the certificate authority";
    const std::string& path = settings.ca_file;
    if (auto why = unreadable(path); !why.empty()) return refusal(what, path, why);
    if (SSL_CTX_load_verify_file(context, path.c_str()) != 1)
      return refusal(what, path, take_tls_error("not a certificate"));
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(path.c_str()));
  }
  if (!settings.ca_path.empty() && SSL_CTX_load_verify_dir(context, settings.ca_path.c_str()) != 1)
    return refusal("the certificate authorities in", settings.ca_path,
                   take_tls_error("not a folder"));
  if (!settings.crl_file.empty()) {
    const char* what = "the revocation list";
    const std::string& path = settings.crl_file;
    if (auto why = unreadable(path); !why.empty()) return refusal(what, path, why);
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == nullptr || X509_load_crl_file(lookup, path.c_str(), X509_FILETYPE_PEM) < 1)
      return refusal(what, path, take_tls_error("not a revocation list"));
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  }
  int mode = SSL_VERIFY_PEER;
  if (settings.clients == client_certificates::required) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode, nullptr);
  return {};
}

std::string set_versions(SSL_CTX* context, const tls_settings& settings) {
  int version = 0;
  if (settings.min_version == "1.2") version = TLS1_2_VERSION;
  if (settings.min_version == "1.3") version = TLS1_3_VERSION;
  if (version == 0)
    return "the lowest TLS version is \"1.2\" or \"1.3\", not \"" + settings.min_version + "\"";
  SSL_CTX_set_min_proto_version(context, version);
  if (!settings.ciphers.empty() && SSL_CTX_set_cipher_list(context, settings.ciphers.c_str()) != 1)
    return "cannot use the ciphers \"" + settings.ciphers +
           "\": " + take_tls_error("none is known");
  const char* suites =
      settings.ciphersuites.empty() ? default_ciphersuites : settings.ciphersuites.c_str();
  if (SSL_CTX_set_ciphersuites(context, suites) != 1)
    return "cannot use the cipher suites \"" + settings.ciphersuites +
           "\": " + take_tls_error("one is not known");
  return {};
}

std::chrono::system_clock::time_point end_of(const X509* certificate) {
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
    return {};
  return std::chrono::system_clock::from_time_t(::timegm(&end));
}

}  // namespace

std::string take_tls_error(const char* otherwise) {
  unsigned long first = ERR_get_error();
  ERR_clear_error();
  const char* reason = first == 0 ? nullptr : ERR_reason_error_string(first);
  return reason != nullptr ? reason : otherwise;
}

tls_context::tls_context() : context_(SSL_CTX_new(TLS_server_method())) {}

tls_context::~tls_context() {
  SSL_CTX_free(context_);
}

tls_context_result tls_context::make(const tls_settings& settings) {
  ERR_clear_error();
  std::shared_ptr<tls_context> made(new tls_context());
  if (made->context_ == nullptr) return {nullptr, take_tls_error("cannot start OpenSSL")};
  if (auto why = made->configure(settings); !why.empty()) return {nullptr, why};
  return {std::move(made), {}};
}

std::string tls_context::configure(const tls_settings& settings) {
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // An idle connection keeps no record buffers, and output may grow and move
  // between two attempts to write it.
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One system call per record instead of two.
  SSL_CTX_set_read_ahead(context_, 1);
  // Tickets keep the state at the device; the cache would keep it here.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context_, session_context, sizeof session_context - 1);
  SSL_CTX_set_num_tickets(context_, 1);
  SSL_CTX_set_alpn_select_cb(context_, choose_protocol, nullptr);

  const std::string& certificate = settings.certificate_file;
  if (certificate.empty()) return "TLS needs a certificate: set its file";
  if (auto why = unreadable(certificate); !why.empty())
    return refusal("the certificate", certificate, why);
  if (SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1)
    return refusal("the certificate", certificate, take_tls_error("not a certificate"));
  expiry_ = end_of(SSL_CTX_get0_certificate(context_));
  if (auto why = load_key(context_, settings); !why.empty()) return why;
  if (settings.clients != client_certificates::none)
    if (auto why = load_authorities(context_, settings); !why.empty()) return why;
  return set_versions(context_, settings);
}

}  // namespace troupe::net
