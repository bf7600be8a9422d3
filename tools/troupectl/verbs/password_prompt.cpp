#include "tools/troupectl/verbs/password_prompt.hpp"

#include <cstring>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace troupe::ctl {
namespace {

/// The terminal with its echo off, restored when done.
class quiet_terminal {
 public:
  quiet_terminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    // Keys of the terminal that would end the process must not leave it silent.
    quiet.c_lflag &= ~static_cast<tcflag_t>(ISIG);
    usable_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  ~quiet_terminal() {
    if (usable_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    if (fd_ >= 0) ::close(fd_);
  }
  quiet_terminal(const quiet_terminal&) = delete;
  quiet_terminal& operator=(const quiet_terminal&) = delete;

  bool usable() const noexcept { return usable_; }
  bool put(const char* text) const {
    const auto length = static_cast<ssize_t>(std::strlen(text));
    return ::write(fd_, text, static_cast<std::size_t>(length)) == length;
  }
  bool get(char& c) const { return ::read(fd_, &c, 1) == 1; }

 private:
  int fd_;
  termios before_{};
  bool usable_ = false;
};

}  // namespace

bool prompt_hidden(const char* question, std::string& answer) {
  const quiet_terminal terminal;
  if (!terminal.usable() || !terminal.put(question)) return false;
  answer.clear();
  constexpr char interrupt = 3;  // Ctrl-C, which comes as a character without ISIG
  for (char c = 0; terminal.get(c);) {
    if (c == interrupt) break;
    if (c == '\n') return terminal.put("\n");
    answer += c;
  }
  terminal.put("\n");
  return false;
}

}  // namespace troupe::ctl
