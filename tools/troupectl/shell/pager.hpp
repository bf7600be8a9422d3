#pragma once

#include <string>

namespace troupe::ctl {

/// Shows a text on the terminal: at once if it fits, else by $PAGER, or without one a screen at
/// a time (space: on, Enter: a line, q or Ctrl-C: enough).
void page(const std::string& text);

}  // namespace troupe::ctl
