#include "tools/troupectl/shell/shell.hpp"
#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <unistd.h>

namespace {

using namespace troupe::ctl;

int run(int argc, char** argv) {
  console with{std::cout, std::cerr, {}, writes_to_terminal(), wants_colours(), false};
  command_line commands(with);
  auto* const shell = commands.app().add_subcommand("shell", "Read verbs from the terminal");
  add_address_options(*shell, with.address);
  try {
    commands.app().parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come this way too, as success.
    return commands.app().exit(error) == 0 ? success : usage;
  }
  if (const auto* const chosen = commands.chosen()) return (*chosen)();
  const bool terminal = ::isatty(STDIN_FILENO) == 1 && with.terminal;
  if (terminal) return run_shell(with.address);
  if (shell->parsed()) return fail(with, "The shell needs a terminal.", usage);
  std::cerr << commands.app().help();
  return usage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& failed) {
    std::cerr << "troupectl: " << failed.what() << "\n";
    return failure;
  }
}
