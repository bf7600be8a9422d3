#include "actors/observe/http/http_caller.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>

#include <string>

namespace troupe::observe {
namespace {

/// What follows the scheme, or empty.
std::string_view bearer_of(std::string_view authorization) noexcept {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() <= scheme.size()) return {};
  if (!boost::beast::iequals({authorization.data(), scheme.size()}, "Bearer ")) return {};
  return authorization.substr(scheme.size());
}

/// "localhost", an address, each with or without a port, or nothing.
bool names_this_machine(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    host = end == std::string_view::npos ? std::string_view() : host.substr(1, end - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (host.empty() || boost::beast::iequals({host.data(), host.size()}, "localhost")) return true;
  boost::system::error_code error;
  boost::asio::ip::make_address(std::string(host), error);
  return !error;
}

}  // namespace

http_caller caller_of(const http_peer& peer, const auth::admin_tokens* tokens,
                      std::string_view authorization, std::string_view host) {
  http_caller caller;
  caller.address = peer.address;
  const bool any = tokens != nullptr && !tokens->empty();
  if (any && !authorization.empty()) {
    const auto token = bearer_of(authorization);
    const auto found = token.empty() ? auth::admin_identity() : tokens->find(token);
    caller.role = found.role;
    caller.name = found.role == auth::admin_role::none ? "a wrong token" : "token " + found.name;
    if (found.role == auth::admin_role::none) caller.refusal = "The token is none of this node's.";
    return caller;
  }
  if (peer.local) {
    caller.name = "uid " + std::to_string(peer.uid);
    if (peer.privileged) caller.role = auth::admin_role::admin;
    return caller;
  }
  caller.name = any ? "nobody" : "loopback";
  if (any) return caller;
  if (names_this_machine(host)) {
    caller.role = auth::admin_role::admin;
  } else {
    caller.name = "another site";
    caller.refusal =
        "Without a token the node is asked as localhost or by an address, not by another name.";
  }
  return caller;
}

}  // namespace troupe::observe
