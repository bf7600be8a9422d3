#include "actors/observe/notify.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::observe {
namespace {

/// A number from the environment.
std::optional<std::uint64_t> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

/// A status is one line.
std::string status_line(std::string_view status) {
  std::string line = "STATUS=" + std::string(status);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

}  // namespace

bool notify_service(std::string_view assignments) noexcept {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract: no file
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const auto sent = ::sendto(fd, assignments.data(), assignments.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size);
  ::close(fd);
  return sent == static_cast<ssize_t>(assignments.size());
}

bool notify_ready(std::string_view status) {
  return notify_service("READY=1\n" + status_line(status));
}

bool notify_reloading() {
  // Type=notify-reload compares this time with that of its signal.
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
                            static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  return notify_service("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

bool notify_stopping(std::string_view status) {
  return notify_service("STOPPING=1\n" + status_line(status));
}

bool notify_watchdog() noexcept {
  return notify_service("WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  const auto allowed = number_in("WATCHDOG_USEC");
  const auto process = number_in("WATCHDOG_PID");
  if (!allowed || *allowed == 0) return std::nullopt;
  if (process && *process != static_cast<std::uint64_t>(::getpid())) return std::nullopt;
  return std::chrono::microseconds(*allowed / 2);
}

}  // namespace troupe::observe
