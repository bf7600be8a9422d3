#pragma once

#include "tools/troupectl/http_client.hpp"

#include <iosfwd>
#include <string>

namespace troupe::ctl {

/// What every run of the tool ends with; scripts rely on the numbers.
enum exit_code : int {
  success = 0,
  failure = 1,      // the node or this machine could not do it
  usage = 2,        // the command line is wrong
  unreachable = 3,  // no node answers
  refused = 4,      // no token, a wrong one, or one without the role
  not_found = 5     // there is no such client, topic, actor, ...
};

/// Where a verb writes, and what the command line or the shell says for all verbs.
struct console {
  std::ostream& out;
  std::ostream& err;
  node_address address;   // used where a verb is given none
  bool terminal = false;  // `out` ends on one
  bool colours = false;
  bool shell = false;     // a line of the interactive shell
};

/// Says it as "troupectl: sentence" and gives the code back.
exit_code fail(console& with, const std::string& sentence, exit_code code = failure);
/// The problem of an answer, with the code that goes with its kind.
exit_code fail(console& with, const http_answer& answer);

/// Whether descriptor 1 is a terminal, and whether colours are wanted there (NO_COLOR, TERM).
bool writes_to_terminal();
bool wants_colours();

/// Columns and rows of the terminal, 80 and 24 if they are not known.
struct terminal_size {
  unsigned columns = 80;
  unsigned rows = 24;
};
terminal_size size_of_terminal();

}  // namespace troupe::ctl
