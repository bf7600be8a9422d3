#include "tools/troupectl/console.hpp"

#include "tools/troupectl/interrupt.hpp"
#include "tools/troupectl/terminal_text.hpp"

#include <cstdlib>
#include <ostream>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace troupe::ctl {

exit_code fail(console& with, const std::string& sentence, exit_code code) {
  // Sentences of a node may have texts of devices in them.
  with.err << "troupectl: " << harmless_lines(sentence) << "\n";
  return code;
}

exit_code fail(console& with, const http_answer& answer) {
  if (answer.status == 0 && interrupted()) return failure;  // who pressed Ctrl-C knows
  if (answer.status == 0) return fail(with, answer.problem, answer.asked ? unreachable : failure);
  if (answer.status == 401 || answer.status == 403) return fail(with, answer.problem, refused);
  return fail(with, answer.problem, answer.status == 404 ? not_found : failure);
}

bool writes_to_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

bool wants_colours() {
  const char* const none = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  if (none != nullptr && *none != '\0') return false;
  return writes_to_terminal() && term != nullptr && std::string_view(term) != "dumb";
}

terminal_size size_of_terminal() {
  winsize seen{};
  terminal_size size;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &seen) != 0) return size;
  if (seen.ws_col > 0) size.columns = seen.ws_col;
  if (seen.ws_row > 0) size.rows = seen.ws_row;
  return size;
}

}  // namespace troupe::ctl
