#include "protocol/net/tls_transport.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <memory>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace troupe::net {
namespace {

// OpenSSL's own socket BIO calls write(), which raises SIGPIPE. All connections
// of a thread share one: it reads and writes the descriptor of the one at work.

thread_local int descriptor_at_work = -1;

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto put = ::send(descriptor_at_work, bytes, static_cast<std::size_t>(size),
                    MSG_NOSIGNAL | MSG_DONTWAIT);
  if (put < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(put);
}

int bio_read(BIO* bio, char* buffer, int size) {
  BIO_clear_retry_flags(bio);
  auto got = ::recv(descriptor_at_work, buffer, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "troupe non-blocking socket");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

/// Null if there is no memory for it.
BIO* socket_of_thread() {
  thread_local const std::unique_ptr<BIO, decltype(&::BIO_free)> shared(BIO_new(socket_method()),
                                                                        &::BIO_free);
  if (shared) BIO_set_init(shared.get(), 1);
  return shared.get();
}

ssl_st* make_ssl(const tls_context& context) {
  SSL* ssl = SSL_new(context.native());
  if (ssl != nullptr) SSL_set_accept_state(ssl);
  return ssl;
}

/// Empties a key that OpenSSL would keep until the connection ends, though the
/// handshake was all that it was for; its shell stays where OpenSSL has it.
void empty(EVP_PKEY* key) {
  (void)EVP_PKEY_set_type(key, EVP_PKEY_X25519);
  EVP_PKEY_free(key);
}

/// What only the handshake needed: 15,000 idle connections would hold 10 MB of it.
void forget_handshake(ssl_st* ssl) {
  EVP_PKEY* key = nullptr;
  if (SSL_get_peer_tmp_key(ssl, &key) == 1) empty(key);
  key = nullptr;
  if (SSL_get_tmp_key(ssl, &key) == 1) empty(key);
  // The ciphers that the client has offered; renegotiation is off.
  if (auto* offered = SSL_get_client_ciphers(ssl)) {
    sk_SSL_CIPHER_zero(offered);
    (void)sk_SSL_CIPHER_reserve(offered, 0);
  }
  ERR_clear_error();
}

peer_info with_tls(peer_info peer) {
  peer.tls = true;
  return peer;
}

std::string common_name(const X509_NAME* name) {
  int at = X509_NAME_get_index_by_NID(const_cast<X509_NAME*>(name), NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return {};
  std::string found(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  // A name that other programs read as a shorter one is no name.
  if (found.find('\0') != std::string::npos) return {};
  return found;
}

std::string subject_text(const X509_NAME* name) {
  std::unique_ptr<BIO, decltype(&::BIO_free)> out(BIO_new(BIO_s_mem()), &::BIO_free);
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

tls_transport::tls_transport(const loop_context& loop, int fd, peer_info peer,
                             std::size_t max_output, const tls_context& context)
    : socket_transport(loop, fd, with_tls(std::move(peer)), max_output),
      ssl_(make_ssl(context)) {}

tls_transport::~tls_transport() {
  SSL_free(ssl_);
}

void tls_transport::go_to_work() {
  ERR_clear_error();
  descriptor_at_work = descriptor();
  BIO_clear_flags(SSL_get_rbio(ssl_), BIO_FLAGS_IN_EOF);
}

socket_transport::transfer tls_transport::handshake() {
  if (ssl_ != nullptr && SSL_get_rbio(ssl_) == nullptr) {
    // Here and not before: this is the thread that all the rest runs on.
    if (BIO* const socket = socket_of_thread(); socket != nullptr && BIO_up_ref(socket) == 1)
      SSL_set_bio(ssl_, socket, socket);
  }
  if (ssl_ == nullptr || SSL_get_rbio(ssl_) == nullptr) {
    broken_ = true;
    set_failure("TLS handshake failed: out of memory");
    return {outcome::failed};
  }
  go_to_work();
  int result = SSL_accept(ssl_);
  if (result == 1) {
    read_certificate();
    forget_handshake(ssl_);
    return {outcome::moved};
  }
  return judge(result, "TLS handshake failed: ");
}

socket_transport::transfer tls_transport::receive(std::span<char> buffer) {
  go_to_work();
  std::size_t got = 0;
  int result = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &got);
  starved_ = result != 1;
  if (result == 1) return {outcome::moved, got};
  return judge(result, "TLS failed: ");
}

socket_transport::transfer tls_transport::send(std::string_view bytes) {
  go_to_work();
  std::size_t put = 0;
  int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &put);
  if (result == 1) return {outcome::moved, put};
  return judge(result, "TLS failed: ");
}

bool tls_transport::has_buffered_input() const noexcept {
  return !starved_ && !broken_ && SSL_has_pending(ssl_) == 1;
}

void tls_transport::end_output() {
  if (ssl_ == nullptr || broken_ || SSL_is_init_finished(ssl_) == 0) return;
  go_to_work();
  // One attempt: whoever does not read has no use for it.
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

socket_transport::transfer tls_transport::judge(int result, const char* doing) {
  int error = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return {outcome::want_read};
    case SSL_ERROR_WANT_WRITE:
      return {outcome::want_write};
    case SSL_ERROR_ZERO_RETURN:
      return {outcome::ended};
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      if (ERR_peek_error() == 0) {
        if (error == 0 || BIO_eof(SSL_get_rbio(ssl_)) == 1) return {outcome::ended};
        set_failure(doing + std::system_category().message(error));
        return {outcome::failed};
      }
      break;
    default:
      break;
  }
  broken_ = true;
  set_failure(doing + failure_text());
  return {outcome::failed};
}

std::string tls_transport::failure_text() const {
  // The cryptography's own complaints come first; TLS says what they mean.
  unsigned long error = ERR_get_error();
  for (unsigned long next = error; next != 0; next = ERR_get_error()) {
    if (ERR_GET_LIB(next) != ERR_LIB_SSL) continue;
    error = next;
    break;
  }
  ERR_clear_error();
  int code = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  std::string why = reason != nullptr ? reason : "reason unknown";
  long verified = SSL_get_verify_result(ssl_);
  if (code == SSL_R_CERTIFICATE_VERIFY_FAILED)
    return std::string("the client certificate is refused: ") +
           X509_verify_cert_error_string(verified);
  if (code == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) return "the client shows no certificate";
  if (code == SSL_R_HTTP_REQUEST || code == SSL_R_WRONG_VERSION_NUMBER)
    return "the client does not speak TLS";
  // From there on OpenSSL numbers the alerts of the other side.
  if (code > SSL_AD_REASON_OFFSET) return "the client refuses: " + why;
  return why;
}

void tls_transport::read_certificate() {
  std::unique_ptr<X509, decltype(&::X509_free)> certificate(SSL_get1_peer_certificate(ssl_),
                                                            &::X509_free);
  if (!certificate || SSL_get_verify_result(ssl_) != X509_V_OK) return;
  const X509_NAME* name = X509_get_subject_name(certificate.get());
  set_certificate(common_name(name), subject_text(name));
}

}  // namespace troupe::net
