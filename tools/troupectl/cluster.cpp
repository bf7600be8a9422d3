#include "tools/troupectl/cluster_tables.hpp"
#include "tools/troupectl/http_client.hpp"
#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace troupe::ctl {
namespace {

using nlohmann::json;

struct options {
  node_address address;
  bool json = false;
  std::string target;  // address to join, node to let go
  bool force = false;
  bool apply = false;
};

exit_code fail(const std::string& sentence) {
  std::cerr << "troupectl: " << sentence << "\n";
  return failure;
}

/// Prints the node's answer as it is, or as `told` makes it readable.
template <class Told>
exit_code print(const options& with, const http_answer& answer, Told told) {
  if (!answer.problem.empty()) return fail(answer.problem);
  if (with.json) {
    std::cout << answer.body;
    return success;
  }
  const auto body = json::parse(answer.body, nullptr, false);
  try {
    std::cout << told(body);
  } catch (const json::exception& unexpected) {
    return fail("The node's answer is of another version; --json shows it as it is (" +
                std::string(unexpected.what()) + ").");
  }
  return success;
}

exit_code show(const options& with) {
  return print(with, http_get(with.address, "/api/v1/cluster"), cluster_table);
}

exit_code shards(const options& with) {
  return print(with, http_get(with.address, "/api/v1/cluster/shards"), shards_table);
}

exit_code order(const options& with, const char* what, const json& body) {
  std::string text;
  try {
    text = body.dump();
  } catch (const json::exception&) {
    return fail("What was given is no text in UTF-8.");
  }
  const auto answer =
      http_post(with.address, std::string("/api/v1/cluster/") + what, std::move(text));
  return print(with, answer, [](const json& said) {
    auto told = said.at("text").get<std::string>();
    if (!told.ends_with('\n')) told += '\n';
    return told;
  });
}

exit_code join(const options& with) {
  return order(with, "join", {{"address", with.target}});
}

exit_code leave(const options& with) {
  json body = {{"force", with.force}};
  if (!with.target.empty()) body["node"] = with.target;
  return order(with, "leave", body);
}

exit_code evict(const options& with) {
  return order(with, "evict", {{"node", with.target}, {"force", with.force}});
}

exit_code plan(const options& with) {
  return order(with, "plan", {{"apply", with.apply}});
}

}  // namespace

action declare_cluster(CLI::App& command) {
  const auto said = std::make_shared<options>();
  auto commands =
      std::make_shared<std::vector<std::pair<CLI::App*, exit_code (*)(const options&)>>>();
  command.require_subcommand(1);
  const auto add = [&](const char* name, const char* help, exit_code (*act)(const options&)) {
    auto* const added = command.add_subcommand(name, help);
    add_address_options(*added, said->address);
    added->add_flag("--json", said->json, "Print the node's answer as JSON");
    commands->emplace_back(added, act);
    return added;
  };
  add("show", "Show the members, and what the node that is asked sees of them", show);
  add("shards", "Show which nodes hold and own which shards", shards);
  add("join", "Let the node join the cluster of another one", join)
      ->add_option("address", said->target, "Where a member listens for nodes: host:port")
      ->required();
  auto* const leaving = add("leave", "Let a node give its shards away and go", leave);
  leaving->add_option("node", said->target, "Name or id; none: the node that is asked");
  leaving->add_flag("--force", said->force, "Even if fewer nodes than wanted replicas remain");
  auto* const evicted = add("evict", "Take out a node that will never come back", evict);
  evicted->add_option("node", said->target, "Name or id")->required();
  evicted->add_flag("--force", said->force,
                    "Even if it runs, or has the only replica of a shard: its data are lost");
  add("plan", "Tell which shards would move to even out the nodes", plan)
      ->add_flag("--apply", said->apply, "Move them");
  return [said, commands]() -> exit_code {
    for (const auto& [each, act] : *commands) {
      if (each->parsed()) return act(*said);
    }
    return usage;
  };
}

}  // namespace troupe::ctl
