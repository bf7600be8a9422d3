#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

/// The admin command line: one file per verb, each a row of the table in main.cpp.
namespace troupe::ctl {

/// What every run of the tool ends with.
enum exit_code : int { success = 0, failure = 1, usage = 2 };

/// Does the work once the command line was read; says on standard error why it failed.
using action = std::function<exit_code()>;

/// A verb adds its options to its own command and returns what to do.
struct verb {
  const char* name;
  const char* help;
  action (*declare)(CLI::App& command);
};

action declare_status(CLI::App& command);
action declare_metrics(CLI::App& command);
action declare_cluster(CLI::App& command);
action declare_node(CLI::App& command);
action declare_passwd(CLI::App& command);

}  // namespace troupe::ctl
