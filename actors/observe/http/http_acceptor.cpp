#include "actors/observe/http/http_acceptor.hpp"

#include "actors/observe/log.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/socket_base.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace troupe::observe {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using local = asio::local::stream_protocol;
using error_code = boost::system::error_code;

constexpr auto retry_time = std::chrono::milliseconds(200);

http_peer peer_of(http_acceptor::socket& from) {
  http_peer peer;
  error_code error;
  const auto generic = from.remote_endpoint(error);
  if (!error && generic.protocol().family() == AF_UNIX) {
    peer.address = "unix";
    peer.local = true;
    ucred who{};
    socklen_t size = sizeof who;
    const bool known =
        ::getsockopt(from.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
    peer.uid = who.uid;
    peer.privileged = known && (who.uid == 0 || who.uid == ::geteuid());
  } else if (!error && generic.size() <= tcp::endpoint().capacity()) {
    tcp::endpoint at;
    std::memcpy(at.data(), generic.data(), generic.size());
    at.resize(generic.size());
    const auto ip = at.address().to_string();
    peer.address = (at.address().is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(at.port());
  }
  return peer;
}

/// Empty if nothing is at the path now: what is there may be the socket of a dead process.
std::string clear_stale(asio::io_context& loop, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return errno == ENOENT ? std::string() : std::strerror(errno);
  if (!S_ISSOCK(status.st_mode)) return "the file exists and is no socket";
  local::socket probe(loop);
  error_code error;
  probe.open(local(), error);
  if (!error) probe.non_blocking(true, error);
  if (!error) probe.connect(local::endpoint(path), error);
  if (!error || error == asio::error::would_block) return "another process listens there";
  if (error != asio::error::connection_refused) return error.message();
  return ::unlink(path.c_str()) == 0 ? std::string() : std::strerror(errno);
}

}  // namespace

http_acceptor::http_acceptor(asio::io_context& loop, taken on_taken)
    : acceptor_(loop), retry_(loop), on_taken_(std::move(on_taken)) {}

std::string http_acceptor::listen(const std::string& address, std::uint16_t port) {
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) return "The HTTP address \"" + address + "\" is not an IP address.";
  begin(tcp::endpoint(ip, port), error);
  if (error) {
    return "The HTTP endpoint cannot listen on " + address + ":" + std::to_string(port) + ": " +
           error.message() + ".";
  }
  tcp::endpoint bound;
  const auto generic = acceptor_.local_endpoint(error);
  if (!error) std::memcpy(bound.data(), generic.data(), generic.size());
  port_ = bound.port();
  accept();
  return {};
}

std::string http_acceptor::listen(const std::string& path) {
  const auto refused = [&](const std::string& why) {
    return "The HTTP endpoint cannot listen on " + path + ": " + why + ".";
  };
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return refused("the path is too long");
  auto& loop = static_cast<asio::io_context&>(acceptor_.get_executor().context());
  if (const auto why = clear_stale(loop, path); !why.empty()) return refused(why);
  error_code error;
  // Nobody else may connect, from its first moment on.
  const auto before = ::umask(0177);
  begin(local::endpoint(path), error);
  ::umask(before);
  if (error) return refused(error.message());
  path_ = path;
  accept();
  return {};
}

void http_acceptor::begin(const protocol::endpoint& at, error_code& error) {
  acceptor_.open(at.protocol(), error);
  if (!error && at.protocol().family() != AF_UNIX)
    acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(at, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  error_code ignored;
  if (error) acceptor_.close(ignored);
}

void http_acceptor::stop() {
  stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

void http_acceptor::accept() {
  acceptor_.async_accept([self = shared_from_this()](const error_code& error, socket peer) {
    if (self->stopped_) return;
    if (error) return self->accept_later(error);
    auto who = peer_of(peer);
    self->on_taken_(std::move(peer), std::move(who));
    self->accept();
  });
}

/// Out of file descriptors, mostly: trying again at once would only spin.
void http_acceptor::accept_later(const error_code& error) {
  log_limited(log_module::admin, log_level::warning, "The HTTP endpoint cannot accept",
              {{"reason", error.message()}});
  retry_.expires_after(retry_time);
  retry_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (!cancelled && !self->stopped_) self->accept();
  });
}

}  // namespace troupe::observe
