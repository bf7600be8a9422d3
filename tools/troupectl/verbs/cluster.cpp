#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/verbs/cluster_tables.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

namespace troupe::ctl {
namespace {

using nlohmann::json;

struct cluster_options {
  node_address address;
  bool json = false;
  std::string target;  // address to join, node to let go
  bool force = false;
  bool apply = false;
};

std::shared_ptr<cluster_options> add_order_options(CLI::App& command) {
  auto given = std::make_shared<cluster_options>();
  add_address_options(command, given->address);
  command.add_flag("--json", given->json, "Print the node's answer as JSON");
  return given;
}

/// `what`: behind /api/v1/cluster/.
exit_code send(console& with, const cluster_options& given, const std::string& what, const json& order) {
  std::string text;
  try {
    text = order.dump();
  } catch (const json::exception&) {
    return fail(with, "What was given is no text in UTF-8.");
  }
  const auto answer = http_send(resolved(given.address, with), http_method::post,
                                "/api/v1/cluster/" + what, text);
  if (!answer.problem.empty()) return fail(with, answer);
  const auto body = json::parse(answer.body, nullptr, false);
  if (given.json) {
    with.out << answer.body;
    return success;
  }
  if (!body.is_object() || !body.contains("text") || !body["text"].is_string())
    return fail(with, "The node's answer is of another version; --json shows it as it is.");
  auto told = harmless_lines(body["text"].get<std::string>());
  if (!told.ends_with('\n')) told += '\n';
  with.out << told;
  return success;
}

}  // namespace

action declare_cluster_show(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [how, &with] { return show(with, *how, "/api/v1/cluster", cluster_table); };
}

action declare_cluster_shards(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [how, &with] { return show(with, *how, "/api/v1/cluster/shards", shards_table); };
}

action declare_cluster_join(CLI::App& command, console& with) {
  const auto given = add_order_options(command);
  command.add_option("address", given->target, "Where a member listens for nodes: host:port")
      ->required();
  return [given, &with] { return send(with, *given, "join", {{"address", given->target}}); };
}

action declare_cluster_leave(CLI::App& command, console& with) {
  const auto given = add_order_options(command);
  command.add_option("node", given->target, "Name or id; none: the node that is asked");
  command.add_flag("--force", given->force, "Even if fewer nodes than wanted replicas remain");
  return [given, &with] {
    json body = {{"force", given->force}};
    if (!given->target.empty()) body["node"] = given->target;
    return send(with, *given, "leave", body);
  };
}

action declare_cluster_evict(CLI::App& command, console& with) {
  const auto given = add_order_options(command);
  command.add_option("node", given->target, "Name or id")->required();
  command.add_flag("--force", given->force,
                   "Even if it runs, or has the only replica of a shard: its data are lost");
  return [given, &with] {
    return send(with, *given, "evict", {{"node", given->target}, {"force", given->force}});
  };
}

action declare_cluster_plan(CLI::App& command, console& with) {
  const auto given = add_order_options(command);
  command.add_flag("--apply", given->apply, "Move them");
  return [given, &with] { return send(with, *given, "plan", {{"apply", given->apply}}); };
}

action declare_shard_move(CLI::App& command, console& with) {
  const auto given = add_order_options(command);
  const auto shard = std::make_shared<std::uint64_t>();
  command.add_option("shard", *shard, "Number of the shard, see `cluster shards`")->required();
  command.add_option("node", given->target, "Name or id of the node")->required();
  command.footer(
      "It stays there while that node lives; then the others take it, and the first of its replicas "
      "gets it.");
  return [given, shard, &with] {
    return send(with, *given, "shards/" + std::to_string(*shard) + "/owner",
                {{"node", given->target}});
  };
}

}  // namespace troupe::ctl
