#pragma once

#include <string>

namespace troupe::ctl {

/// Asks on the terminal without showing what is typed. False: there is no
/// terminal, or it was closed.
bool prompt_hidden(const char* question, std::string& answer);

}  // namespace troupe::ctl
