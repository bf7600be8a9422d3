#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/text_table.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <ostream>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

std::string keys_text(const json& body, const std::string& prefix, bool changed) {
  text_table table({"KEY", "VALUE", "DEFAULT", "CHANGES"});
  for (const auto& each : body.at("data")) {
    const auto key = each.at("key").get<std::string>();
    const bool is_default = each.at("default").get<bool>();
    if (!key.starts_with(prefix) || (changed && is_default)) continue;
    table.add({key, shown(each, "/value", column::kind::text), is_default ? "yes" : "no",
               each.at("reloadable").get<bool>() ? "at a reload" : "at the next start"});
  }
  return table.text();
}

std::string outcome_text(const json& outcome) {
  std::string text;
  for (const auto& each : outcome.at("problems"))
    text += harmless(each.get<std::string>()) + "\n";
  if (!text.empty()) return text;
  const bool applied = outcome.at("applied").get<bool>();
  text = applied ? "The configuration was reloaded.\n" : "The configuration is good.\n";
  for (const auto& each : outcome.at("changes")) {
    const char* when = each.at("reloadable").get<bool>()
                           ? (applied ? "changed" : "would change at a reload")
                           : "takes effect at the next start";
    text += harmless(each.at("key").get<std::string>()) + ": " + when + "\n";
  }
  return text;
}

exit_code read_again(console& with, const node_address& address, bool as_json, const char* path) {
  const auto answer = http_send(resolved(address, with), http_method::post, path, "{}");
  if (!answer.problem.empty()) return fail(with, answer);
  const auto body = json::parse(answer.body, nullptr, false);
  try {
    with.out << (as_json ? answer.body : outcome_text(body));
    return body.at("good").get<bool>() ? success : failure;
  } catch (const json::exception&) {
    return fail(with, "The node's answer is of another version; --json shows it as it is.");
  }
}

action declare_reading(CLI::App& command, console& with, const char* path) {
  struct config_options {
    node_address address;
    bool json = false;
  };
  const auto given = std::make_shared<config_options>();
  add_address_options(command, given->address);
  command.add_flag("--json", given->json, "Print the node's answer as JSON");
  return [=, &with] { return read_again(with, given->address, given->json, path); };
}

}  // namespace

action declare_config_show(CLI::App& command, console& with) {
  struct config_options {
    std::string prefix;
    bool changed = false;
  };
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<config_options>();
  command.add_option("prefix", given->prefix, "Keys that begin with this, such as limits.");
  command.add_flag("--changed", given->changed, "Only what is not the default");
  return [=, &with] {
    return show(with, *how, "/api/v1/config", [&](const json& body) {
      return keys_text(body, given->prefix, given->changed);
    });
  };
}

action declare_config_check(CLI::App& command, console& with) {
  return declare_reading(command, with, "/api/v1/config/check");
}

action declare_config_reload(CLI::App& command, console& with) {
  return declare_reading(command, with, "/api/v1/config/reload");
}

}  // namespace troupe::ctl
