#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/text_table.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

std::string text(const json& from, const char* key) {
  auto value = from.at(key).get<std::string>();
  return value.empty() ? "-" : value;
}

std::string count(const json& from, const char* key) {
  return std::to_string(from.at(key).get<std::uint64_t>());
}

std::string state_of(const json& route) {
  std::string state = route.at("connected").get<bool>() ? "connected" : "away";
  if (route.at("full").get<bool>()) state += ", full";
  return state;
}

std::string routes_text(const console& with, const json& found) {
  std::string out = "topic  " + harmless(found.at("topic").get<std::string>()) + "\n" +
                    "shard  " + count(found, "shard") + "\n";
  const auto owner = harmless(found.at("owner").get<std::string>());
  const auto by = harmless(found.at("by").get<std::string>());
  if (!owner.empty()) out += "owner  " + owner + ", epoch " + count(found, "epoch") + "\n";
  if (!found.at("complete").get<bool>())
    out += by.empty() ? "NOT ANSWERED: the owner of the shard is silent\n"
                      : "NOT COMPLETE: no owner can be asked, this is what " + by + " has itself\n";
  const auto& routes = found.at("routes");
  if (routes.empty()) return out + "Nobody would receive it.\n";
  text_table table(
      {"CLIENT", "SESSION", "FILTER", "GROUP", "QOS", "KEPT", "STATE", "NODE", "AT", "WAY"});
  for (const auto& each : routes)
    table.add({text(each, "client"), text(each, "session"), text(each, "filter"),
               text(each, "group"), count(each, "qos"),
               each.at("durable").get<bool>() ? "yes" : "no", state_of(each), text(each, "node"),
               text(each, "at"), text(each, "way")});
  out += "\n" + with_head(with, table.text());
  if (found.at("total").get<std::uint64_t>() > routes.size())
    out += "and others, " + count(found, "total") + " in all\n";
  return out;
}

bool differs(const json& check) {
  return check.at("announced") != check.at("held");
}

std::string audit_text(const console& with, const json& found, bool all) {
  const auto& parts = found.at("parts");
  if (parts.empty()) return "This node runs alone: there is nothing to compare.\n";
  text_table table(
      {"ROUTES", "HELD BY", "ANNOUNCED BY", "OF", "ANNOUNCED", "HELD", "COUNT", "STATE"});
  std::uint64_t drifts = 0;
  std::uint64_t compared = 0;
  std::uint64_t different = 0;
  std::uint64_t silent = 0;
  for (const auto& part : parts) {
    drifts += part.at("drifts").get<std::uint64_t>();
    if (!part.at("answered").get<bool>()) {
      ++silent;
      table.add({text(part, "part"), text(part, "holder"), "-", "-", "-", "-", "-", "no answer"});
    }
    for (const auto& check : part.at("checks")) {
      ++compared;
      const bool differ = differs(check);
      if (differ) ++different;
      // Most are of nobody.
      if (!all && !differ && check.at("held_count").get<std::uint64_t>() == 0) continue;
      table.add({text(part, "part"), text(part, "holder"), text(check, "announcer"),
                 text(check, "of"), text(check, "announced"), text(check, "held"),
                 count(check, "announced_count") + " / " + count(check, "held_count"),
                 differ ? "DIFFERS" : "equal"});
    }
  }
  return with_head(with, table.text()) + "\n" + std::to_string(compared) + " compared, " +
         std::to_string(different) + " differ, " + std::to_string(silent) +
         " without an answer; found and repaired since the nodes began: " + std::to_string(drifts) +
         "\n";
}

}  // namespace

action declare_route_show(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto topic = std::make_shared<std::string>();
  command.add_option("topic", *topic, "Topic of a message")->required();
  return [=, &with] {
    return show(with, *how, with_query("/api/v1/routes", {{"topic", *topic}}),
                [&with](const json& found) { return routes_text(with, found); });
  };
}

action declare_route_audit(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto all = std::make_shared<bool>(false);
  command.add_flag("--all", *all, "Also parts without any routes");
  return [=, &with] {
    return show(with, *how, "/api/v1/routes/audit",
                [&with, all = *all](const json& found) { return audit_text(with, found, all); });
  };
}

}  // namespace troupe::ctl
