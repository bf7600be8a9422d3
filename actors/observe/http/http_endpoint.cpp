#include "actors/observe/http/http_endpoint.hpp"

#include "actors/observe/http/http_connection.hpp"
#include "actors/observe/log.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/socket_base.hpp>

#include <chrono>
#include <utility>
#include <vector>

namespace troupe::observe {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr auto retry_time = std::chrono::milliseconds(200);

}  // namespace

/// Accepts; kept alive by its own pending accept.
class http_endpoint::server : public std::enable_shared_from_this<server> {
 public:
  server(asio::io_context& loop, http_settings settings, http_router routes)
      : service_(std::make_shared<http_service>(loop, std::move(settings), std::move(routes))),
        acceptor_(loop),
        retry_(loop) {}

  std::string start() {
    const auto& settings = service_->settings;
    const std::string at = settings.address + ":" + std::to_string(settings.port);
    error_code error;
    const auto address = asio::ip::make_address(settings.address, error);
    if (error) return "The HTTP address \"" + settings.address + "\" is not an IP address.";
    loopback_ = address.is_loopback();
    if (!loopback_ && settings.token.empty()) {
      return "The HTTP endpoint does not listen on " + at +
             " without a token: set one, or use a loopback address.";
    }
    listen(tcp::endpoint(address, settings.port), error);
    if (error) {
      acceptor_.close();
      return "The HTTP endpoint cannot listen on " + at + ": " + error.message() + ".";
    }
    accept();
    return {};
  }

  void stop() {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    const std::vector<http_connection*> open(service_->open.begin(), service_->open.end());
    for (auto* const each : open) each->close();
  }

  void set_token(std::string token) {
    if (token.empty() && !loopback_) return;
    service_->settings.token = std::move(token);
  }

  std::uint16_t port() const noexcept { return port_; }
  std::size_t connections() const noexcept { return service_->open.size(); }

 private:
  void listen(const tcp::endpoint& where, error_code& error) {
    acceptor_.open(where.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(where, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
  }

  void accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](const error_code& error, tcp::socket socket) {
          if (self->stopped_) return;
          if (error) return self->accept_later(error);
          self->take(std::move(socket));
          self->accept();
        });
  }

  /// Beyond the limit a socket is closed at once: its peer must not wait.
  void take(tcp::socket socket) {
    if (service_->open.size() < service_->settings.max_connections) {
      std::make_shared<http_connection>(service_, std::move(socket))->read();
      return;
    }
    log_limited(log_module::admin, log_level::warning,
                "An HTTP connection was refused: too many are open",
                {{"limit", service_->settings.max_connections}});
  }

  /// Out of file descriptors, mostly: trying again at once would only spin.
  void accept_later(const error_code& error) {
    log_limited(log_module::admin, log_level::warning, "The HTTP endpoint cannot accept",
                {{"reason", error.message()}});
    retry_.expires_after(retry_time);
    retry_.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled && !self->stopped_) self->accept();
    });
  }

  std::shared_ptr<http_service> service_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::uint16_t port_ = 0;
  bool loopback_ = false;
  bool stopped_ = false;
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

void http_endpoint::set_token(std::string token) {
  server_->set_token(std::move(token));
}

std::uint16_t http_endpoint::port() const noexcept {
  return server_->port();
}

std::size_t http_endpoint::connections() const noexcept {
  return server_->connections();
}

}  // namespace troupe::observe
