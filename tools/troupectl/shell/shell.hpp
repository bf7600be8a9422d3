#pragma once

#include "tools/troupectl/console.hpp"

namespace troupe::ctl {

/// Reads verbs from the terminal until `exit` or Ctrl-D. They ask the node at `address`, or as one-shot verbs do if it is empty.
exit_code run_shell(const node_address& address);

}  // namespace troupe::ctl
