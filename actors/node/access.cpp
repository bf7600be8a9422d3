#include "actors/node/access.hpp"

#include <algorithm>

#include "protocol/auth/acl_file.hpp"
#include "protocol/auth/password_authenticator.hpp"
#include "protocol/auth/password_file.hpp"
#include "protocol/auth/scram.hpp"
#include "protocol/net/peer/network_set.hpp"
#include "protocol/net/tls_context.hpp"
#include "protocol/net/websocket_upgrade.hpp"

namespace troupe::node {

namespace {

net::tls_settings tls_of(const config::tls_configuration& from) {
  net::tls_settings to;
  to.certificate_file = from.certificate;
  to.key_file = from.key;
  to.key_password = from.key_passphrase;
  to.ca_file = from.ca;
  to.crl_file = from.crl;
  to.ciphers = from.ciphers;
  to.min_version = from.min_version == config::tls_version::v1_3 ? "1.3" : "1.2";
  switch (from.clients) {
    case config::client_certificates::none:
      to.clients = net::client_certificates::none;
      break;
    case config::client_certificates::optional:
      to.clients = net::client_certificates::optional;
      break;
    case config::client_certificates::required:
      to.clients = net::client_certificates::required;
      break;
  }
  return to;
}

/// Anonymous access of a listener: its own word, then that of [auth], then
/// loopback only.
auth::anonymous_access anonymous(const config::configuration& from,
                                 const config::listener_configuration& listener) {
  if (config::anonymous_allowed(from, listener, false)) return auth::anonymous_access::everybody;
  if (config::anonymous_allowed(from, listener, true)) return auth::anonymous_access::loopback;
  return auth::anonymous_access::nobody;
}

std::shared_ptr<const device::listener_settings> settings_of(
    const config::configuration& from, const config::listener_configuration& listener,
    const std::shared_ptr<auth::password_workers>& workers,
    const std::shared_ptr<const auth::password_file>& passwords,
    const std::shared_ptr<const device::enhanced_methods>& enhanced,
    std::vector<std::string>& errors) {
  auto to = std::make_shared<device::listener_settings>();
  const auto& limits = from.limits;
  to->name = listener.name;
  to->max_connections = listener.max_connections;
  to->max_packet_size = config::max_packet_size(from, listener);
  to->max_client_id_length = limits.max_client_id_length;
  to->max_topic_levels = static_cast<std::uint16_t>(limits.max_topic_levels);
  to->max_topic_alias = limits.max_topic_alias;
  to->max_write_buffer = limits.max_write_buffer;
  to->connect_timeout_ms = limits.connect_timeout.count();
  if (limits.max_message_expiry != config::never)
    to->max_message_expiry = limits.max_message_expiry.count();
  to->certificate_username = listener.use_certificate_as_username;
  // Beyond the soft limit only what windows and pages bound is written.
  to->transport.max_output_bytes = 4 * limits.max_write_buffer + to->max_packet_size;
  to->enhanced = enhanced;
  auth::password_options options;
  options.anonymous = anonymous(from, listener);
  options.trust_unchecked_usernames = passwords == nullptr;
  to->authenticator = std::make_shared<auth::password_authenticator>(options, workers, passwords);
  if (listener.proxy_protocol) {
    auto proxies = std::make_shared<net::network_set>();
    for (const auto& each : listener.proxy_trusted) {
      if (!proxies->add(each))
        errors.push_back("Listener " + listener.name + ": proxy_trusted has \"" + each +
                         "\", which is no address or network");
    }
    to->transport.proxies = std::move(proxies);
  }
  if (listener.websocket()) {
    auto websocket = std::make_shared<net::websocket_settings>();
    websocket->path = listener.path;
    websocket->origins = listener.allowed_origins;
    to->transport.websocket = std::move(websocket);
  }
  if (listener.secure()) {
    auto tls = net::tls_context::make(tls_of(listener.tls));
    if (!tls.context) errors.push_back("Listener " + listener.name + ": " + tls.error);
    to->transport.tls = std::move(tls.context);
  }
  return to;
}

/// The one of the configuration and those of its file.
std::shared_ptr<const auth::admin_tokens> tokens_of(const config::http_configuration& from,
                                                    std::vector<std::string>& errors) {
  auth::admin_tokens tokens;
  if (!from.token_file.empty()) {
    auto file = auth::admin_tokens::load(from.token_file);
    if (!file) {
      errors.push_back(file.error);
      return nullptr;
    }
    tokens = *file.value;
  }
  if (!from.token.empty() && !tokens.add("http.token", auth::admin_role::admin, from.token))
    errors.push_back("OpenSSL cannot make the digest of http.token");
  if (tokens.empty() && !config::is_loopback(from.bind))
    errors.push_back(from.token_file + " has no token, but http.bind is no loopback address");
  return std::make_shared<const auth::admin_tokens>(std::move(tokens));
}

}  // namespace

access_result load_access(const config::configuration& from,
                          const std::shared_ptr<auth::password_workers>& workers) {
  access_result result;
  auto& errors = result.errors;
  std::shared_ptr<const auth::password_file> passwords;
  if (!from.auth.password_file.empty()) {
    auto file = auth::password_file::load(from.auth.password_file);
    if (!file) errors.push_back(file.error);
    passwords = file.value;
  }
  if (from.auth.acl_file.empty()) {
    result.value.authorizer = std::make_shared<auth::open_authorizer>();
  } else {
    auto file = auth::acl_file::load(from.auth.acl_file);
    if (!file) errors.push_back(file.error);
    result.value.authorizer = file.value;
  }
  auto methods = std::make_shared<device::enhanced_methods>();
  if (!from.auth.scram_file.empty()) {
    auto file = auth::scram_file::load(from.auth.scram_file);
    if (!file)
      errors.push_back(file.error);
    else
      methods->emplace("SCRAM-SHA-256", std::make_shared<auth::scram_sha_256>(file.value));
  }
  result.value.enhanced = methods;
  if (from.http.enabled) result.value.tokens = tokens_of(from.http, errors);
  for (const auto& listener : from.listeners)
    result.value.listeners.push_back(
        settings_of(from, listener, workers, passwords, methods, errors));
  return result;
}

}  // namespace troupe::node
