#include "actors/link/gate.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "actors/observe/log.hpp"
#include "cluster/link/gate_words.hpp"
#include "cluster/link/introduction.hpp"
#include "protocol/auth/digest.hpp"

namespace troupe::link {

using namespace std::chrono_literals;
using observe::log_event;
using observe::log_level;
using observe::log_module;

namespace {

constexpr std::size_t most_guests = 64;
constexpr auto patience = 3s;
constexpr auto pause_after_failure = 50ms;
constexpr auto between_reports = 5s;

std::string sentence(int error) { return std::generic_category().message(error); }

bool send_all(int fd, const std::string& bytes) {
  // A fresh socket has room for this little, or is not worth waiting for.
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(bytes.size());
}

}  // namespace

gate::gate(std::string secret, std::function<void(int)> enter)
    : secret_(std::move(secret)), enter_(std::move(enter)) {}

gate::~gate() { close(); }

std::string gate::open(const std::string& address, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  addrinfo* found = nullptr;
  const auto service = std::to_string(port);
  const int error = ::getaddrinfo(address.empty() ? nullptr : address.c_str(), service.c_str(),
                                  &wanted, &found);
  if (error != 0) return ::gai_strerror(error);
  int last = EADDRNOTAVAIL;
  // All addresses: prefer the IPv6 socket, which takes IPv4 as well.
  for (const bool six : {true, false})
    for (auto* each = found; each != nullptr && !listener_; each = each->ai_next) {
      if ((each->ai_family == AF_INET6) != six) continue;
      socket_handle made(::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int on = 1;
      const int off = 0;
      ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      if (six) ::setsockopt(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
      if (made && ::bind(made.get(), each->ai_addr, each->ai_addrlen) == 0 &&
          ::listen(made.get(), 128) == 0)
        listener_ = std::move(made);
      else
        last = errno;
    }
  ::freeaddrinfo(found);
  if (!listener_) return sentence(last);
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port_ = ntohs(at.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(at).sin6_port
                                         : reinterpret_cast<sockaddr_in&>(at).sin_port);
  wake_ = socket_handle(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return sentence(errno);
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "troupe.gate");
  return {};
}

void gate::close() {
  if (!thread_.joinable()) return;
  closing_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
  listener_ = socket_handle{};
}

void gate::run() {
  std::vector<guest> guests;
  std::vector<pollfd> all;
  while (!closing_) {
    all.clear();
    all.push_back({wake_.get(), POLLIN, 0});
    all.push_back({listener_.get(), POLLIN, 0});
    for (auto& each : guests) all.push_back({each.socket.get(), POLLIN, 0});
    ::poll(all.data(), all.size(), guests.empty() ? -1 : 200);
    // From the last to the first, so that places stay right.
    for (std::size_t i = guests.size(); i-- > 0;) {
      const bool spoke = all[i + 2].revents != 0;
      const bool late = clock::now() > guests[i].deadline;
      if (late) refused("It said nothing in time");
      if (late || (spoke && !serve(guests[i])))
        guests.erase(guests.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if ((all[1].revents & POLLIN) != 0) accept(guests);
  }
}

void gate::accept(std::vector<guest>& guests) {
  socket_handle made(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!made) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
      std::this_thread::sleep_for(pause_after_failure);
    return;
  }
  if (guests.size() >= most_guests) {
    refused("There were too many others");
    guests.erase(guests.begin());
  }
  guests.push_back({std::move(made), clock::now() + patience, {}, {},
                    auth::random_bytes(cluster::nonce_size).value_or(std::string{})});
}

bool gate::serve(guest& who) {
  const auto wanted =
      who.dialer_nonce.empty() ? cluster::gate_hello_size : cluster::gate_proof_size;
  char bytes[64];
  const auto got = ::recv(who.socket.get(), bytes, wanted - who.in.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;  // a look whether somebody is here, or a caller that gave up
  who.in.append(bytes, static_cast<std::size_t>(got));
  if (who.in.size() < wanted) return true;
  const auto said = std::exchange(who.in, {});
  if (who.dialer_nonce.empty()) {
    who.dialer_nonce = cluster::read_gate_hello(said);
    if (who.dialer_nonce.empty() || who.nonce.empty()) {
      refused("It is no node of Troupe");
      return false;
    }
    return send_all(who.socket.get(), cluster::gate_hello(who.nonce));
  }
  using cluster::gate_role;
  if (!cluster::gate_proves(said, secret_, gate_role::dialer, who.dialer_nonce, who.nonce)) {
    refused("It does not know the secret of the cluster");
    send_all(who.socket.get(), std::string(cluster::gate_proof_size, '\0'));
    return false;
  }
  const auto proof =
      cluster::gate_proof(secret_, gate_role::acceptor, who.dialer_nonce, who.nonce);
  if (send_all(who.socket.get(), proof)) enter_(who.socket.release());
  return false;
}

void gate::refused(const char* why) {
  ++unreported_;
  const auto now = clock::now();
  if (now < quiet_until_) return;
  quiet_until_ = now + between_reports;
  log_event(log_module::cluster, log_level::warning, "The cluster port refused a caller",
            {{"why", why}, {"times", std::exchange(unreported_, 0)}});
}

}  // namespace troupe::link
