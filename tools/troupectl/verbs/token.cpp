#include "protocol/auth/admin/admin_tokens.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <ostream>
#include <string>

namespace troupe::ctl {
namespace {

struct token_options {
  std::string file;
  std::string name;
  std::string role = "viewer";
};

std::shared_ptr<token_options> add_token(CLI::App& command) {
  auto given = std::make_shared<token_options>();
  command.add_option("file", given->file, "Token file, http.token_file of the node")->required();
  command.add_option("name", given->name, "Name of the token, which the audit log shows")
      ->required();
  command.footer("A running node reads the file again on SIGHUP or `config reload`.");
  return given;
}

}  // namespace

action declare_token_add(CLI::App& command, console& with) {
  const auto given = add_token(command);
  command.add_option("--role", given->role, "viewer, operator or admin")
      ->check(CLI::IsMember({"viewer", "operator", "admin"}))
      ->capture_default_str();
  return [given, &with] {
    const auto role = auth::parse_admin_role(given->role).value_or(auth::admin_role::viewer);
    const auto made = auth::add_admin_token(given->file, given->name, role);
    if (!made.error.empty()) return fail(with, made.error);
    with.out << made.token << "\n";
    return success;
  };
}

action declare_token_remove(CLI::App& command, console& with) {
  const auto given = add_token(command);
  return [given, &with] {
    const auto problem = auth::remove_admin_token(given->file, given->name);
    return problem.empty() ? success : fail(with, problem);
  };
}

}  // namespace troupe::ctl
