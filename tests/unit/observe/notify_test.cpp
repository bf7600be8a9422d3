#include "actors/observe/notify.hpp"

#include "tests/support/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace troupe::observe;

namespace {

/// Stands in for the service manager, on an abstract socket of the kernel's choice.
class manager_socket {
 public:
  manager_socket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // Binding the family alone asks for an unused abstract name.
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address.sun_family) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    const auto length = size - offsetof(sockaddr_un, sun_path);
    name_ = "@" + std::string(address.sun_path + 1, length - 1);
    ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  ~manager_socket() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
  }

  std::string receive() {
    std::array<char, 512> buffer{};
    const auto bytes = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return bytes < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(bytes));
  }

 private:
  int fd_;
  std::string name_;
};

}  // namespace

TEST_CASE("the service manager hears of readiness, reloads and the end") {
  manager_socket manager;
  CHECK(notify_ready("Listening on\n1883"));
  CHECK(manager.receive() == "READY=1\nSTATUS=Listening on 1883");
  CHECK(notify_reloading());
  CHECK(manager.receive().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(notify_stopping("bye"));
  CHECK(manager.receive() == "STOPPING=1\nSTATUS=bye");
  CHECK(notify_watchdog());
  CHECK(manager.receive() == "WATCHDOG=1");
}

TEST_CASE("without a service manager nothing happens") {
  ::unsetenv("NOTIFY_SOCKET");
  CHECK_FALSE(notify_ready("x"));
  ::setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
  CHECK_FALSE(notify_ready("x"));
  ::setenv("NOTIFY_SOCKET", std::string(200, '/').c_str(), 1);
  CHECK_FALSE(notify_ready("x"));
  ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("the watchdog is fed twice in its time") {
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  CHECK(watchdog_interval() == std::chrono::seconds(15));
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK_FALSE(watchdog_interval());
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  CHECK(watchdog_interval());
  ::setenv("WATCHDOG_USEC", "soon", 1);
  CHECK_FALSE(watchdog_interval());
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
  CHECK_FALSE(watchdog_interval());
}
