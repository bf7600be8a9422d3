#pragma once

#include "tools/troupe-bench/scenario/options.hpp"

#include <optional>

namespace troupe::bench {

struct command {
  options given;             // completed
  std::optional<int> leave;  // help was shown or the line was refused: the exit status
};

/// Parses the command line; says what is wrong on standard error.
command parse_command_line(int argc, const char* const* argv);

}  // namespace troupe::bench
