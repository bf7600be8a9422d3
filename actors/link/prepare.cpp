#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/timespan.hpp>

#include "actors/link/interfaces.hpp"
#include "actors/link/link_context.hpp"
#include "actors/link/links.hpp"
#include "actors/runtime/runtime_options.hpp"
#include "protocol/auth/digest.hpp"

// CAF makes its node id of the MAC addresses, a file of the host and the process id: in
// containers and clones these are alike. This replaces the function of the
// library; prepare() keeps this file in the executable.
namespace caf::detail {

std::string get_root_uuid();

std::string get_root_uuid() {
  return troupe::auth::to_base64(troupe::auth::random_bytes(24).value_or("troupe"));
}

}  // namespace caf::detail

namespace troupe::link {

namespace {

using context_ptr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

// BASP notices a connection on which nothing comes; the pairing has its own, stricter, clock.
constexpr auto heartbeat = std::chrono::seconds(1);
constexpr auto connection_timeout = std::chrono::seconds(5);

std::string openssl_error() {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return text;
}

/// CAF would throw on the thread of the middleman, which ends the process.
std::string check(const tls_files& files) {
  if (files.certificate.empty() || files.key.empty() || files.authority.empty())
    return "TLS between nodes needs a certificate, a key and a certificate authority: without "
           "one of them CAF talks to anybody";
  const context_ptr context(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  if (!context) return "OpenSSL: " + openssl_error();
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return files.certificate + " is no certificate: " + openssl_error();
  // No question on a terminal for the password of a key.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return files.key + " is no key without password that fits the certificate: " + openssl_error();
  if (SSL_CTX_load_verify_locations(context.get(), files.authority.c_str(), nullptr) != 1)
    return files.authority + " is no certificate authority: " + openssl_error();
  return {};
}

/// A copy of the file that only this process has; -1 and `error` otherwise.
int copy_of(const std::string& path, std::string& error) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file || bytes.empty()) {
    error = path + " cannot be read";
    return -1;
  }
  const int fd = ::memfd_create("troupe-tls", MFD_CLOEXEC);
  if (fd < 0 ||
      ::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    error = std::string("No copy of a TLS file can be kept: ") + std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return -1;
  }
  return fd;
}

constexpr char descriptor_folder[] = "/proc/self/fd/";

/// Three copies that fit together.
std::string copies_of(const tls_files& files, int (&fds)[3]) {
  std::string error;
  const std::string* paths[] = {&files.certificate, &files.key, &files.authority};
  for (int i = 0; i < 3; ++i) {
    fds[i] = copy_of(*paths[i], error);
    if (fds[i] >= 0) continue;
    while (--i >= 0) ::close(fds[i]);
    return error;
  }
  // What was checked is what is used, even if the files change meanwhile.
  const auto path = [&](int i) { return descriptor_folder + std::to_string(fds[i]); };
  if (check({path(0), path(1), path(2)}).empty()) return {};
  for (const int fd : fds) ::close(fd);
  return check(files);
}

}  // namespace

std::string prepare(runtime::runtime_config& configuration, const tls_files& tls) {
  configuration.add_message_type<blob>("troupe.link.blob");
  configuration.load<caf::io::middleman>();
  // Deserialised by the middleman's own thread: a run loop of ours that is
  // stuck must not hold up what comes from the other nodes.
  configuration.set("middleman.workers", std::size_t{0});
  configuration.set("middleman.enable-automatic-connections", false);
  configuration.set("middleman.heartbeat-interval", caf::timespan{heartbeat});
  configuration.set("middleman.connection-timeout", caf::timespan{connection_timeout});
  if (!tls.any()) return {};
  if (auto error = check(tls); !error.empty()) return error;
  int fds[3];
  if (auto error = copies_of(tls, fds); !error.empty()) return error;
  configuration.load<caf::openssl::manager>();
  configuration.openssl_certificate = descriptor_folder + std::to_string(fds[0]);
  configuration.openssl_key = descriptor_folder + std::to_string(fds[1]);
  configuration.openssl_cafile = descriptor_folder + std::to_string(fds[2]);
  return {};
}

std::string links::reload_tls(const tls_files& tls) {
  const auto& in_use = context_->system.config();
  if (!context_->system.has_openssl_manager())
    return "TLS between nodes can be switched on only at the start";
  if (auto error = check(tls); !error.empty()) return error;
  int fds[3];
  if (auto error = copies_of(tls, fds); !error.empty()) return error;
  const std::string* names[] = {&in_use.openssl_certificate, &in_use.openssl_key,
                                &in_use.openssl_cafile};
  std::string error;
  for (int i = 0; i < 3; ++i) {
    const int old = std::stoi(names[i]->substr(sizeof descriptor_folder - 1));
    // In one step: a connection that is made meanwhile finds one file or the other.
    if (::dup3(fds[i], old, O_CLOEXEC) < 0) error = std::strerror(errno);
    ::close(fds[i]);
  }
  return error;
}

}  // namespace troupe::link
