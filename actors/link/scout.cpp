#include "actors/link/scout.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "actors/link/tell.hpp"
#include "cluster/link/gate_words.hpp"
#include "cluster/link/introduction.hpp"
#include "protocol/auth/digest.hpp"

namespace troupe::link {

namespace {

// Threads at one time; there are as many as peers that cannot be reached.
constexpr std::size_t most_scouts = 64;

std::string sentence(int error) { return std::generic_category().message(error); }

/// Whether the socket is ready for `what` in time; 0, or why not.
int wait(int fd, short what, std::int64_t limit_ms) {
  pollfd waiting{fd, what, 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(limit_ms));
  return ready > 0 ? 0 : ready == 0 ? ETIMEDOUT : errno;
}

/// Connects; 0, or why not.
int try_connect(const addrinfo& where, std::int64_t limit_ms, socket_handle& out) {
  out = socket_handle(::socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!out) return errno;
  int error = ::connect(out.get(), where.ai_addr, where.ai_addrlen) == 0 ? 0 : errno;
  if (error != EINPROGRESS) return error;
  error = wait(out.get(), POLLOUT, limit_ms);
  socklen_t size = sizeof error;
  if (error == 0 && ::getsockopt(out.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

bool read_exactly(int fd, std::string& out, std::size_t size, std::int64_t limit_ms) {
  out.clear();
  while (out.size() < size) {
    char bytes[64];
    if (wait(fd, POLLIN, limit_ms) != 0) return false;
    const auto got = ::recv(fd, bytes, std::min(size - out.size(), sizeof bytes), 0);
    if (got <= 0) return false;
    out.append(bytes, static_cast<std::size_t>(got));
  }
  return true;
}

bool send_all(int fd, const std::string& bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

/// Proves the secret to the gate there, and has it proved; "", or why not.
std::string pass_gate(int fd, const scout::task& t) {
  using namespace cluster;
  const auto mine = auth::random_bytes(nonce_size).value_or(std::string{});
  if (mine.empty()) return "There is no randomness";
  std::string said;
  if (!send_all(fd, gate_hello(mine)) || !read_exactly(fd, said, gate_hello_size, t.limit_ms))
    return "Nobody answers at its cluster port";
  const auto theirs = read_gate_hello(said);
  if (theirs.empty()) return "What answers at its cluster port is no node of Troupe without TLS";
  if (!send_all(fd, gate_proof(t.secret, gate_role::dialer, mine, theirs)) ||
      !read_exactly(fd, said, gate_proof_size, t.limit_ms))
    return "It broke off the greeting";
  if (said == std::string(gate_proof_size, '\0'))
    return "It refused: this node does not know the secret of its cluster";
  if (!gate_proves(said, t.secret, gate_role::acceptor, mine, theirs))
    return "It does not know the secret of the cluster";
  return {};
}

scouted find(const scout::task& t) {
  scouted seen;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const auto service = std::to_string(t.port);
  if (const int error = ::getaddrinfo(t.host.c_str(), service.c_str(), &wanted, &found);
      error != 0) {
    seen.error = t.host + " cannot be resolved: " + ::gai_strerror(error);
    return seen;
  }
  int last = EHOSTUNREACH;
  bool refused = true;
  socket_handle socket;
  for (auto* each = found; each != nullptr && seen.address.empty(); each = each->ai_next) {
    last = try_connect(*each, t.limit_ms, socket);
    refused = refused && last == ECONNREFUSED;
    if (last != 0) continue;
    char text[NI_MAXHOST];
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0)
      seen.address = text;
  }
  ::freeaddrinfo(found);
  if (seen.address.empty()) {
    seen.error = t.host + ":" + service + " cannot be reached: " + sentence(last);
    seen.refused = refused;
  } else if (!t.secret.empty()) {
    seen.error = pass_gate(socket.get(), t);
    if (seen.error.empty())
      seen.inside = std::make_shared<socket_handle>(std::move(socket));
    else
      seen.address.clear();
  }
  return seen;
}

}  // namespace

// The handles stay here, so that retire() can let go of them while a thread
// still waits for a name.
struct scout::shared {
  std::mutex mutex;
  std::map<std::uint64_t, caf::strong_actor_ptr> asking;
  std::uint64_t last = 0;
  bool retired = false;
};

scout::scout() : shared_(std::make_shared<shared>()) {}

scout::~scout() { retire(); }

void scout::retire() {
  std::map<std::uint64_t, caf::strong_actor_ptr> asking;
  const std::lock_guard lock(shared_->mutex);
  shared_->retired = true;
  asking.swap(shared_->asking);
}

void scout::look(task what, caf::strong_actor_ptr to) {
  const auto attempt = what.attempt;
  std::uint64_t number = 0;
  bool busy = false;
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->retired) return;
    busy = shared_->asking.size() >= most_scouts;
    number = ++shared_->last;
    if (!busy) shared_->asking.emplace(number, to);
  }
  if (busy) {
    tell(to, scouted{attempt, {}, "Too many names are being looked up", false, nullptr});
    return;
  }
  auto work = [shared = shared_, number, what = std::move(what)] {
    auto seen = find(what);
    seen.attempt = what.attempt;
    caf::strong_actor_ptr asker;
    const std::lock_guard lock(shared->mutex);
    auto found = shared->asking.find(number);
    if (found == shared->asking.end()) return;
    asker.swap(found->second);
    shared->asking.erase(found);
    // Within the lock: after retire() the actor system may be gone.
    tell(asker, std::move(seen));
    asker = nullptr;
  };
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error& e) {
    const std::lock_guard lock(shared_->mutex);
    shared_->asking.erase(number);
    tell(to, scouted{attempt, {}, std::string("No thread can be started: ") + e.what(), false, nullptr});
  }
}

}  // namespace troupe::link
