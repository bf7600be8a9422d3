#include "actors/observe/http/http_endpoint.hpp"

#include "actors/observe/http/http_acceptor.hpp"
#include "actors/observe/http/http_connection.hpp"
#include "actors/observe/log.hpp"

#include <boost/asio/ip/address.hpp>

#include <utility>
#include <vector>

namespace troupe::observe {
namespace {

namespace asio = boost::asio;
using error_code = boost::system::error_code;

bool has_none(const std::shared_ptr<const auth::admin_tokens>& tokens) {
  return tokens == nullptr || tokens->empty();
}

}  // namespace

/// The service and what lets connections in.
class http_endpoint::server {
 public:
  server(asio::io_context& loop, http_settings settings, http_router routes)
      : service_(std::make_shared<http_service>(loop, std::move(settings), std::move(routes))) {
    auto take = [service = service_](http_acceptor::socket socket, http_peer peer) {
      take_in(service, std::move(socket), std::move(peer));
    };
    port_ = std::make_shared<http_acceptor>(loop, take);
    socket_ = std::make_shared<http_acceptor>(loop, take);
  }

  std::string start() {
    const auto& settings = service_->settings;
    error_code error;
    const auto address = asio::ip::make_address(settings.address, error);
    loopback_ = !error && address.is_loopback();
    if (!error && !loopback_ && has_none(settings.tokens)) {
      return "The HTTP endpoint does not listen on " + settings.address + ":" +
             std::to_string(settings.port) +
             " without a token: set one, or use a loopback address.";
    }
    if (auto problem = port_->listen(settings.address, settings.port); !problem.empty())
      return problem;
    return settings.socket.empty() ? std::string() : socket_->listen(settings.socket);
  }

  void stop() {
    port_->stop();
    socket_->stop();
    std::vector<http_connection*> open(service_->open.begin(), service_->open.end());
    open.insert(open.end(), service_->open_local.begin(), service_->open_local.end());
    for (auto* const each : open) each->close();
  }

  void set_tokens(std::shared_ptr<const auth::admin_tokens> tokens) {
    if (has_none(tokens) && !loopback_) return;
    service_->settings.tokens = std::move(tokens);
  }

  std::uint16_t port() const noexcept { return port_->port(); }
  std::size_t connections() const noexcept {
    return service_->open.size() + service_->open_local.size();
  }

 private:
  /// Beyond the limit a socket is closed at once: its peer must not wait. The Unix socket has
  /// a limit of its own, so that an administrator comes in whatever happens at the port.
  static void take_in(const std::shared_ptr<http_service>& service, http_acceptor::socket socket,
                      http_peer peer) {
    const auto& settings = service->settings;
    const auto limit = peer.local ? settings.max_local_connections : settings.max_connections;
    if (service->connections_of(peer).size() < limit) {
      std::make_shared<http_connection>(service, std::move(socket), std::move(peer))->read();
      return;
    }
    log_limited(log_module::admin, log_level::warning,
                "An HTTP connection was refused: too many are open", {{"limit", limit}});
  }

  std::shared_ptr<http_service> service_;
  std::shared_ptr<http_acceptor> port_;
  std::shared_ptr<http_acceptor> socket_;
  bool loopback_ = false;
};

http_endpoint::http_endpoint(asio::io_context& loop, http_settings settings, http_router routes)
    : server_(std::make_shared<server>(loop, std::move(settings), std::move(routes))) {}

http_endpoint::~http_endpoint() {
  server_->stop();
}

std::string http_endpoint::start() {
  return server_->start();
}

void http_endpoint::stop() {
  server_->stop();
}

void http_endpoint::set_tokens(std::shared_ptr<const auth::admin_tokens> tokens) {
  server_->set_tokens(std::move(tokens));
}

std::uint16_t http_endpoint::port() const noexcept {
  return server_->port();
}

std::size_t http_endpoint::connections() const noexcept {
  return server_->connections();
}

}  // namespace troupe::observe
