#include "protocol/auth/password_file.hpp"
#include "tools/troupectl/verbs/declare.hpp"
#include "tools/troupectl/verbs/password_prompt.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <iostream>
#include <memory>
#include <ostream>
#include <string>

namespace troupe::ctl {
namespace {

struct passwd_options {
  std::string file;
  std::string user;
  bool remove = false;
  bool batch = false;
  bool json = false;
  std::uint32_t iterations = auth::default_iterations;
};

/// From the terminal, twice, or as one line of standard input. A sentence says what went wrong.
std::string read_password(bool batch, std::string& password) {
  if (batch) {
    if (!std::getline(std::cin, password)) return "No password came on standard input.";
    if (password.ends_with('\r')) password.pop_back();
  } else {
    std::string again;
    if (!prompt_hidden("Password: ", password) || !prompt_hidden("Again: ", again))
      return "No password was typed; without a terminal, use --batch and standard input.";
    if (again != password) return "The two passwords differ; nothing was changed.";
  }
  if (password.empty()) return "The password is empty; nothing was changed.";
  return {};
}

exit_code changed(console& with, const passwd_options& given, const char* what) {
  if (!given.json) return success;
  const nlohmann::json told = {{"file", given.file}, {"user", given.user}, {"outcome", what}};
  with.out << told.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  return success;
}

exit_code change(console& with, const passwd_options& given) {
  if (given.remove) {
    const auto problem = auth::remove_user(given.file, given.user);
    return problem.empty() ? changed(with, given, "removed") : fail(with, problem);
  }
  std::string password;
  auto problem = read_password(given.batch, password);
  if (problem.empty()) problem = auth::set_user(given.file, given.user, password, given.iterations);
  return problem.empty() ? changed(with, given, "set") : fail(with, problem);
}

}  // namespace

action declare_passwd(CLI::App& command, console& with) {
  const auto given = std::make_shared<passwd_options>();
  command.add_option("file", given->file, "Password file; made if it is not there")->required();
  command.add_option("user", given->user, "User name")->required();
  auto* const remove = command.add_flag("-D,--delete", given->remove, "Remove the user");
  command
      .add_flag("-b,--batch", given->batch,
                "Read the password from standard input, one line, without asking")
      ->excludes(remove);
  command.add_option("--iterations", given->iterations, "Cost of the hash")
      ->check(CLI::Range(std::uint32_t{1}, auth::max_iterations))
      ->capture_default_str();
  command.add_flag("--json", given->json, "Print what was done as JSON: file, user, outcome");
  command.footer("A running node reads the file again on SIGHUP.");
  return [given, &with] { return change(with, *given); };
}

}  // namespace troupe::ctl
