#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

const std::vector<column> level_columns{{"MODULE", "/module"}, {"LEVEL", "/level"}};

}  // namespace

action declare_log_show(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [=, &with] {
    return show(with, *how, "/api/v1/log",
                [](const json& levels) { return list_table(levels, level_columns); });
  };
}

action declare_log_level(CLI::App& command, console& with) {
  struct log_options {
    node_address address;
    std::string level;
    std::string who;
  };
  const auto given = std::make_shared<log_options>();
  add_address_options(command, given->address);
  command.add_option("level", given->level, "trace, debug, info, warning, error, critical or off")
      ->required()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "critical", "off"}));
  command.add_option("module", given->who, "Module as `log show` lists it; none: all");
  return [=, &with] {
    json body = {{"level", given->level}};
    if (!given->who.empty()) body["module"] = given->who;
    return order(with, given->address, http_method::put, "/api/v1/log",
                 body.dump(-1, ' ', false, json::error_handler_t::replace),
                 "The log level of " + (given->who.empty() ? "every module" : given->who) + " is " +
                     given->level + ".");
  };
}

}  // namespace troupe::ctl
