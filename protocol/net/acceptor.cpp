#include "protocol/net/acceptor.hpp"

#include "protocol/net/peer/ip_address.hpp"
#include "protocol/net/poller.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::net {
namespace {

constexpr int max_accepts_per_wake_up = 32;
constexpr auto rest_time = std::chrono::milliseconds(250);

std::string reason(int error) {
  std::string text = std::system_category().message(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] += 'a' - 'A';
  return text;
}

std::string refusal(const endpoint& where, const std::string& why) {
  return "cannot listen on " + to_string(where) + ": " + why;
}

std::string address_text(const sockaddr_storage& from) {
  const auto ip = endpoint_of(from);
  return ip ? to_string(ip->address, ip->port) : "unix";
}

bool is_loopback(const sockaddr_storage& from) {
  const auto ip = endpoint_of(from);
  return ip ? ip->address.is_loopback() : from.ss_family == AF_UNIX;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  if (bound.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/// Empty if `address` is free now: nothing there, or a socket that nobody serves.
std::string clear_stale(const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(address.sun_path, &status) != 0) return errno == ENOENT ? "" : reason(errno);
  if (!S_ISSOCK(status.st_mode)) return "the file exists and is not a socket";
  int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return reason(errno);
  int result = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  int error = result == 0 ? 0 : errno;
  ::close(probe);
  if (error == 0 || error == EAGAIN) return reason(EADDRINUSE);
  if (error != ECONNREFUSED) return reason(error);
  return ::unlink(address.sun_path) == 0 || errno == ENOENT ? "" : reason(errno);
}

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

std::string to_string(const endpoint& where) {
  if (where.type == endpoint::kind::unix) return where.path;
  bool v6 = where.address.find(':') != std::string::npos;
  return (v6 ? "[" + where.address + "]" : where.address) + ":" + std::to_string(where.port);
}

acceptor::acceptor(const loop_context& loop) : poller_(boost::asio::use_service<poller>(loop.io)) {}

acceptor::~acceptor() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  stop();
}

std::string acceptor::open(const endpoint& where, accepted on_accept) {
  stop();
  on_accept_ = std::move(on_accept);
  std::string why = where.type == endpoint::kind::tcp ? open_tcp(where) : open_unix(where);
  if (why.empty() && ::listen(fd_, where.backlog) != 0) why = reason(errno);
  if (why.empty() && !poller_.watch(fd_, *this, 0, readable)) why = reason(errno);
  if (why.empty()) {
    if (where.type == endpoint::kind::tcp) port_ = bound_port(fd_);
    return {};
  }
  resting_ = true;  // not watched
  stop();
  return refusal(where, why);
}

std::string acceptor::open_tcp(const endpoint& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(where.address.c_str(), std::to_string(where.port).c_str(), &hints, &found) != 0)
    return "not an IPv4 or IPv6 address";
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> keep(found, &::freeaddrinfo);
  fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return reason(errno);
  int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // What is accepted inherits it (tcp(7), Linux).
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int v6only = where.v6only ? 1 : 0;
  if (found->ai_family == AF_INET6)
    ::setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only);
  if (::bind(fd_, found->ai_addr, found->ai_addrlen) != 0) return reason(errno);
  return {};
}

std::string acceptor::open_unix(const endpoint& where) {
  if (where.path.empty()) return "the path is empty";
  if (where.path.size() >= sizeof(sockaddr_un::sun_path)) return "the path is too long";
  sockaddr_un address = unix_address(where.path);
  if (auto why = clear_stale(address); !why.empty()) return why;
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return reason(errno);
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return reason(errno);
  struct stat status {};
  path_ = where.path;
  if (::lstat(path_.c_str(), &status) == 0) inode_ = status.st_ino;
  // Nobody can connect before listen(), so there is no moment of wrong permissions.
  if (::chmod(path_.c_str(), where.mode) != 0) return reason(errno);
  return {};
}

void acceptor::stop() {
  if (fd_ >= 0) {
    if (!resting_) (void)poller_.watch(fd_, *this, readable, 0);
    poller_.forget_events(*this);
    ::close(fd_);
  }
  poller_.cancel_deadline(*this);
  fd_ = -1;
  port_ = 0;
  resting_ = false;
  struct stat status {};
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_)
    ::unlink(path_.c_str());
  path_.clear();
}

void acceptor::on_ready(unsigned) {
  bool destroyed = false;
  for (int i = 0; i < max_accepts_per_wake_up && fd_ >= 0; ++i) {
    if (const auto wait = gate_ ? gate_() : std::chrono::milliseconds(0); wait.count() > 0)
      return rest(wait);
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    int fd =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (!out_of_resources(errno)) break;
      ++pauses_;
      return rest(rest_time);
    }
    // A copy, because the callback may stop this acceptor or open it anew.
    auto on_accept = on_accept_;
    destroyed_ = &destroyed;
    on_accept(fd, address_text(from), is_loopback(from));
    if (destroyed) return;
    destroyed_ = nullptr;
  }
}

void acceptor::rest(std::chrono::milliseconds time) {
  resting_ = true;
  (void)poller_.watch(fd_, *this, readable, 0);
  poller_.set_deadline(*this, std::chrono::steady_clock::now() + time);
}

void acceptor::on_deadline() {
  if (fd_ < 0) return;
  if (poller_.watch(fd_, *this, 0, readable))
    resting_ = false;
  else
    poller_.set_deadline(*this, std::chrono::steady_clock::now() + rest_time);
}

}  // namespace troupe::net
