#pragma once

#include "tools/troupectl/console.hpp"
#include "tools/troupectl/shell/completion.hpp"

namespace troupe::ctl {

/// Asks the node, for at most a second, and knows the fixed names. A node that does not answer
/// has none.
name_source names_of_node(const console& with);

}  // namespace troupe::ctl
