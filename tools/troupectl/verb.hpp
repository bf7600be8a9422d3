#pragma once

#include "tools/troupectl/console.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

/// The admin command line. A verb is a row of the table in verb_table.cpp; the one-shot
/// command line, the shell, help and completion are all made from it.
namespace troupe::ctl {

/// Does the work once the command line was read; says on the console why it failed.
using action = std::function<exit_code()>;

struct verb {
  const char* noun;
  const char* name;  // empty: the noun alone is the verb
  const char* help;
  /// Adds the verb's options to its command and returns what to do. The console outlives it.
  action (*declare)(CLI::App& command, console& with);
  /// It goes on by itself and prints as it does: not for the pager of the shell.
  bool lasts = false;
};

struct noun {
  const char* name;
  const char* help;
};

std::span<const verb> all_verbs();
std::span<const noun> all_nouns();

/// A command line with every verb, ready to parse once.
class command_line {
 public:
  explicit command_line(console& with);
  ~command_line();

  CLI::App& app() noexcept { return *app_; }
  /// The verb that the parsed line names, or null.
  const action* chosen() const;

 private:
  std::unique_ptr<CLI::App> app_;
  std::vector<std::pair<CLI::App*, action>> actions_;
};

}  // namespace troupe::ctl
