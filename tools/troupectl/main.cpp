#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <utility>
#include <vector>

namespace {

constexpr troupe::ctl::verb verbs[] = {
    {"status", "Show how a node is", troupe::ctl::declare_status},
    {"metrics", "Print a node's metrics in Prometheus' format", troupe::ctl::declare_metrics},
    {"cluster", "Show and change the cluster", troupe::ctl::declare_cluster},
    {"node", "Empty a node of its clients, or have it take them again", troupe::ctl::declare_node},
    {"passwd", "Add, change or remove a user in a password file", troupe::ctl::declare_passwd},
};

int run(int argc, char** argv) {
  CLI::App app("Looks after a Troupe node.", "troupectl");
  app.set_version_flag("--version", "troupectl " TROUPE_VERSION);
  app.require_subcommand(0, 1);  // so that a wrong verb is named, not missed
  app.footer("Exit status: 0 done, 1 failed, 2 wrong usage.");
  std::vector<std::pair<CLI::App*, troupe::ctl::action>> commands;
  for (const auto& verb : verbs) {
    auto* const command = app.add_subcommand(verb.name, verb.help);
    commands.emplace_back(command, verb.declare(*command));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come this way too, as success.
    return app.exit(error) == 0 ? troupe::ctl::success : troupe::ctl::usage;
  }
  for (const auto& [command, act] : commands) {
    if (command->parsed()) return act();
  }
  std::cerr << app.help();
  return troupe::ctl::usage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& failure) {
    std::cerr << "troupectl: " << failure.what() << "\n";
    return troupe::ctl::failure;
  }
}
