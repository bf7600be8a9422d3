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

namespace troupe::link {

namespace {

// Threads at one time; there are as many as peers that cannot be reached.
constexpr std::size_t most_scouts = 64;

std::string sentence(int error) { return std::generic_category().message(error); }

/// Connects and closes again; 0, or why not.
int try_connect(const addrinfo& where, std::int64_t limit_ms) {
  const int fd = ::socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = ::connect(fd, where.ai_addr, where.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(limit_ms));
    socklen_t size = sizeof error;
    if (ready == 0)
      error = ETIMEDOUT;
    else if (ready < 0 || ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
      error = errno;
  }
  ::close(fd);
  return error;
}

scouted find(const std::string& host, std::uint16_t port, std::int64_t limit_ms) {
  scouted seen;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const auto service = std::to_string(port);
  if (const int error = ::getaddrinfo(host.c_str(), service.c_str(), &wanted, &found); error != 0) {
    seen.error = host + " cannot be resolved: " + ::gai_strerror(error);
    return seen;
  }
  int last = EHOSTUNREACH;
  bool refused = true;
  for (auto* each = found; each != nullptr && seen.address.empty(); each = each->ai_next) {
    last = try_connect(*each, limit_ms);
    refused = refused && last == ECONNREFUSED;
    if (last != 0) continue;
    char text[NI_MAXHOST];
    if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0)
      seen.address = text;
  }
  ::freeaddrinfo(found);
  if (seen.address.empty()) {
    seen.error = host + ":" + service + " cannot be reached: " + sentence(last);
    seen.refused = refused;
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

void scout::look(const std::string& host, std::uint16_t port, std::int64_t limit_ms,
                 std::uint64_t attempt, caf::strong_actor_ptr to) {
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
    tell(to, scouted{attempt, {}, "Too many names are being looked up", false});
    return;
  }
  auto work = [shared = shared_, number, host, port, limit_ms, attempt] {
    auto seen = find(host, port, limit_ms);
    seen.attempt = attempt;
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
    tell(to, scouted{attempt, {}, std::string("No thread can be started: ") + e.what(), false});
  }
}

}  // namespace troupe::link
