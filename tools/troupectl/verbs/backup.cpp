#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr auto path = "/api/v1/backups";

const std::vector<column> backup_columns{{"NAME", "/name"},
                                         {"BEGUN", "/begun_at"},
                                         {"SIZE", "/bytes", column::kind::size},
                                         {"FILES", "/files"},
                                         {"PATH", "/path"}};

struct options {
  node_address address;
  std::string name;
};

}  // namespace

action declare_backup_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [=, &with] {
    return show(with, *how, path, [](const json& all) { return list_table(all, backup_columns); });
  };
}

action declare_backup_make(CLI::App& command, console& with) {
  const auto given = std::make_shared<options>();
  add_address_options(command, given->address);
  command.add_option("name", given->name, "What it is called; the time otherwise");
  return [=, &with] {
    json body = json::object();
    if (!given->name.empty()) body["name"] = given->name;
    return order(with, given->address, http_method::post, path,
                 body.dump(-1, ' ', false, json::error_handler_t::replace),
                 "The backup is made; `backup list` shows where.");
  };
}

action declare_backup_delete(CLI::App& command, console& with) {
  const auto given = std::make_shared<options>();
  add_address_options(command, given->address);
  command.add_option("name", given->name, "As `backup list` shows it")->required();
  return [=, &with] {
    return order(with, given->address, http_method::erase,
                 path_of(path, given->name), {},
                 "The backup " + given->name + " is deleted.");
  };
}

}  // namespace troupe::ctl
