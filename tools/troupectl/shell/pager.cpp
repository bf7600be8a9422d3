#include "tools/troupectl/shell/pager.hpp"

#include "tools/troupectl/console.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <termios.h>
#include <unistd.h>

namespace troupe::ctl {
namespace {

constexpr std::string_view question = "-- more: space, Enter or q --";

/// Keys one by one and unseen, Ctrl-C among them.
class raw_terminal {
 public:
  raw_terminal() : usable_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!usable_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    usable_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
  }
  ~raw_terminal() {
    if (usable_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  raw_terminal(const raw_terminal&) = delete;
  raw_terminal& operator=(const raw_terminal&) = delete;

  /// 'q' if the terminal is gone.
  char key() const {
    char c = 'q';
    return usable_ && ::read(STDIN_FILENO, &c, 1) == 1 ? c : 'q';
  }

 private:
  termios before_{};
  bool usable_;
};

/// Screen lines that the text's line takes.
std::size_t rows_of(std::string_view line, unsigned columns) {
  return std::max<std::size_t>(1, (line.size() + columns - 1) / columns);
}

void write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void page_here(std::string_view text) {
  const raw_terminal terminal;
  const auto size = size_of_terminal();
  const std::size_t screen = size.rows > 2 ? size.rows - 1 : 1;
  std::size_t room = screen;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto rows = rows_of(line, size.columns);
    if (room == 0 || (rows > room && room < screen)) {
      write(question);
      const char key = terminal.key();
      write("\r\x1b[K");
      if (key == 'q' || key == 'Q' || key == 3) return;
      room = key == '\r' || key == '\n' ? 1 : screen;
    }
    room -= std::min(room, rows);
    write(line);
    write("\n");
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
}

bool fits(std::string_view text) {
  const auto size = size_of_terminal();
  std::size_t rows = 0;
  while (!text.empty() && rows < size.rows) {
    const auto line = text.substr(0, text.find('\n'));
    rows += rows_of(line, size.columns);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return rows < size.rows;
}

/// False: there is none, or it could not be started.
bool page_there(const std::string& text) {
  const char* const command = std::getenv("PAGER");
  if (command == nullptr || *command == '\0') return false;
  std::FILE* const pager = ::popen(command, "w");
  if (pager == nullptr) return false;
  // Who leaves the pager early closes the pipe; Ctrl-C is the pager's.
  auto* const pipe_before = std::signal(SIGPIPE, SIG_IGN);
  auto* const interrupt_before = std::signal(SIGINT, SIG_IGN);
  std::fwrite(text.data(), 1, text.size(), pager);
  const int status = ::pclose(pager);
  std::signal(SIGPIPE, pipe_before);
  std::signal(SIGINT, interrupt_before);
  constexpr int not_there = 127;  // what the shell says of a command that it does not find
  return status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != not_there;
}

}  // namespace

void page(const std::string& text) {
  if (fits(text))
    write(text);
  else if (!page_there(text))
    page_here(text);
}

}  // namespace troupe::ctl
