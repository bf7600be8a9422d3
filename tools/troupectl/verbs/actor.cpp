#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/text_table.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;
using kind = column::kind;

const std::vector<column> actor_columns{{"ACTOR", "/id"},
                                        {"KIND", "/kind"},
                                        {"SERVES", "/serves"},
                                        {"LOOP", "/loop"},
                                        {"MAILBOX", "/mailbox"},
                                        {"OLDEST", "/oldest_ms", kind::age},
                                        {"MESSAGES", "/messages"},
                                        {"BUSY", "/busy_us", kind::microseconds},
                                        {"MEMORY", "/memory", kind::size},
                                        {"RESTARTS", "/restarts"},
                                        {"WAITS FOR", "/waits_for"}};
const std::vector<column> top_columns{{"ACTOR", "/id"},
                                      {"KIND", "/kind"},
                                      {"SERVES", "/serves"},
                                      {"CORE", "/rate/busy", kind::percent},
                                      {"RATE", "/rate/messages", kind::rate},
                                      {"MAILBOX", "/mailbox"},
                                      {"OLDEST", "/oldest_ms", kind::age},
                                      {"MEMORY", "/memory", kind::size},
                                      {"WAITS FOR", "/waits_for"}};
const std::vector<line> actor_lines{{"actor", "/id"},
                                    {"node", "/node"},
                                    {"kind", "/kind"},
                                    {"serves", "/serves"},
                                    {"loop", "/loop"},
                                    {"mailbox", "/mailbox"},
                                    {"oldest", "/oldest_ms", kind::age},
                                    {"messages", "/messages"},
                                    {"busy", "/busy_us", kind::microseconds},
                                    {"memory", "/memory", kind::size},
                                    {"restarts", "/restarts"},
                                    {"waits for", "/waits_for"}};

struct actor_options {
  listing list{"/api/v1/actors", {}};
  std::string kind_of, serves, node;
  std::string sort = "id";
  double interval = 1;  // seconds between the two looks of `top`
};

std::shared_ptr<actor_options> add_actor_filters(CLI::App& command) {
  auto given = std::make_shared<actor_options>();
  command.add_option("--kind", given->kind_of, "Of this kind, such as session or topic_shard");
  command.add_option("--serves", given->serves, "Who serve what has this text in it: a client id");
  command.add_option("--node", given->node, "Of this node");
  command.add_option("--sort", given->sort, "id, mailbox, oldest, busy, messages or memory")
      ->check(CLI::IsMember({"id", "mailbox", "oldest", "busy", "messages", "memory"}))
      ->capture_default_str();
  add_limit_option(command, given->list.limit);
  return given;
}

listing with_filters(const actor_options& given) {
  auto list = given.list;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) list.query.emplace_back(name, value);
  };
  add("kind", given.kind_of);
  add("serves", given.serves);
  add("node", given.node);
  add("sort", given.sort);
  return list;
}

std::string tree_text(const json& tree) {
  std::string text;
  for (const auto& node : tree.at("nodes")) {
    text += harmless(node.at("node").get<std::string>()) + "\n";
    for (const auto& loop : node.at("loops")) {
      const bool somewhere = loop.at("loop").is_null();
      text += somewhere ? std::string("  where they are woken\n")
                        : "  loop " + loop.at("loop").dump() + ": busy " +
                              shown(loop, "/busy_seconds", kind::seconds) + ", lag " +
                              shown(loop, "/lag_ms", kind::milliseconds) + ", queue " +
                              shown(loop, "/queue", kind::text) + "\n";
      for (const auto& actors : loop.at("actors")) {
        text += "    " + shown(actors, "/count", kind::text) + " " +
                harmless(actors.at("kind").get<std::string>()) + ": " +
                shown(actors, "/mailbox", kind::text) + " waiting, " +
                shown(actors, "/messages", kind::text) + " messages, " +
                shown(actors, "/busy_us", kind::microseconds) + "\n";
      }
    }
  }
  return text + missing_text(tree);
}

}  // namespace

action declare_actor_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = add_actor_filters(command);
  return [=, &with] { return show_list(with, *how, with_filters(*given), actor_columns); };
}

action declare_actor_top(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = add_actor_filters(command);
  given->sort = "busy";
  given->list.limit = 0;  // as many as the screen has room for
  add_interval_option(command, given->interval);
  return [=, &with] {
    return show_top(with, *how, with_filters(*given), given->interval, top_columns);
  };
}

action declare_actor_tree(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [=, &with] { return show(with, *how, "/api/v1/actors/tree", tree_text); };
}

action declare_actor_show(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto id = std::make_shared<std::string>();
  command.add_option("actor", *id, "Id as `actor list` shows it, such as 1234@broker-1")
      ->required();
  return [=, &with] {
    return show(with, *how, path_of("/api/v1/actors", *id),
                [](const json& actor) { return lines_text(actor, actor_lines); });
  };
}

action declare_actor_restart(CLI::App& command, console& with) {
  struct actor_options {
    node_address address;
    std::string id;
  };
  const auto given = std::make_shared<actor_options>();
  add_address_options(command, given->address);
  command.add_option("actor", given->id, "Id as `actor list` shows it, such as 1234@broker-1")
      ->required();
  command.footer(
      "Its client is disconnected, what is under way is finished, and when it comes back a new actor "
      "reads what is stored. A session that is not kept ends.");
  return [=, &with] {
    return order(with, given->address, http_method::post,
                 path_of("/api/v1/actors", given->id) + "/restart", {},
                 "The actor " + given->id + " begins anew.");
  };
}

}  // namespace troupe::ctl
