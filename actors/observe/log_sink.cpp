#include "actors/observe/log_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::observe {
namespace {

/// A pipe that polls as writable takes this much without blocking (PIPE_BUF).
constexpr std::size_t write_size = 4096;
constexpr int poll_milliseconds = 100;

}  // namespace

log_sink::log_sink(std::string file) : file_(std::move(file)), fd_(STDERR_FILENO) {
  if (!file_.empty()) fd_ = open_file();
}

log_sink::~log_sink() {
  if (!file_.empty() && fd_ >= 0) ::close(fd_);
}

int log_sink::open_file() {
  const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
  if (fd < 0) {
    problem_ = "The log file \"" + file_ +
               "\" cannot be opened: " + std::generic_category().message(errno) + ".";
  }
  return fd;
}

void log_sink::open_anew() {
  if (file_.empty()) return;
  const int fd = open_file();
  if (fd < 0) {
    write_all(problem_ + " Going on with the old one.\n");
    return;
  }
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

bool log_sink::too_late() const noexcept {
  return clock::now().time_since_epoch() > finish_.load();
}

void log_sink::sink_it_(const spdlog::details::log_msg& line) {
  if (reopen_.exchange(false)) open_anew();
  spdlog::memory_buf_t text;
  formatter_->format(line, text);
  if (!write_all({text.data(), text.size()})) dropped_.fetch_add(1, std::memory_order_relaxed);
}

bool log_sink::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    if (too_late()) return false;
    pollfd ready{fd_, POLLOUT, 0};
    const int polled = ::poll(&ready, 1, poll_milliseconds);
    if (polled == 0 || (polled < 0 && errno == EINTR)) continue;
    if (polled < 0) return false;
    const auto written = ::write(fd_, bytes.data(), std::min(bytes.size(), write_size));
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

}  // namespace troupe::observe
