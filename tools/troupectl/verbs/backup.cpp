#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr auto path = "/api/v1/backups";
// More than the node's own.
constexpr auto make_patience = std::chrono::seconds(15);

const std::vector<column> backup_columns{
    {"NAME", "/name"},      {"NODE", "/node"},
    {"BEGUN", "/begun_at"}, {"SIZE", "/bytes", column::kind::size},
    {"FILES", "/files"},    {"PATH", "/path"}};

const std::vector<column> made_columns{{"NODE", "/node"},
                                       {"SIZE", "/bytes", column::kind::size},
                                       {"FILES", "/files"},
                                       {"PATH", "/path"},
                                       {"ERROR", "/error"}};

struct backup_options {
  node_address address;
  std::string name;
};

/// What each node did, and whether that is enough.
exit_code tell_made(console& with, const http_answer& answer) {
  const auto made = json::parse(answer.body, nullptr, false);
  try {
    with.out << "Backup " << harmless(made.at("name").get<std::string>()) << "\n"
             << with_head(with, list_table(made, made_columns));
    const auto sentence = harmless(made.at("message").get<std::string>());
    if (!made.at("sufficient").get<bool>()) return fail(with, sentence);
    with.out << sentence << "\n";
  } catch (const json::exception& unexpected) {
    return fail(with, "The node's answer is of another version (" + std::string(unexpected.what()) +
                          "); look with `backup list`.");
  }
  return success;
}

}  // namespace

action declare_backup_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [=, &with] { return show_list(with, *how, {path, {}, 0}, backup_columns); };
}

action declare_backup_make(CLI::App& command, console& with) {
  const auto given = std::make_shared<backup_options>();
  add_address_options(command, given->address);
  command.add_option("name", given->name, "What it is called; the time otherwise");
  return [=, &with] {
    json body = json::object();
    if (!given->name.empty()) body["name"] = given->name;
    const auto answer =
        http_send(resolved(given->address, with), http_method::post, path,
                  body.dump(-1, ' ', false, json::error_handler_t::replace), make_patience);
    return answer.problem.empty() ? tell_made(with, answer) : fail(with, answer);
  };
}

action declare_backup_delete(CLI::App& command, console& with) {
  const auto given = std::make_shared<backup_options>();
  add_address_options(command, given->address);
  command.add_option("name", given->name, "As `backup list` shows it")->required();
  return [=, &with] {
    return order(with, given->address, http_method::erase,
                 path_of(path, given->name), {},
                 "The backup " + given->name + " is deleted.");
  };
}

}  // namespace troupe::ctl
