#include "tools/troupectl/verb.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string_view>

namespace troupe::ctl {
namespace {

constexpr noun nouns[] = {
    {"status", "Show how a node is"},
    {"metrics", "Print a node's metrics in Prometheus' format"},
    {"clients", "Show and manage clients"},
    {"sessions", "Show and discard sessions, connected or not"},
    {"subscriptions", "Show who subscribes to what"},
    {"topics", "Show which topic filters have subscribers"},
    {"retained", "Show and delete retained messages"},
    {"route", "Show where messages go"},
    {"trace", "Follow messages through the nodes, with the reason of every drop"},
    {"actor", "Look at the actors of the nodes"},
    {"cluster", "Show and change the cluster"},
    {"shard", "Say which node owns a shard"},
    {"node", "Empty a node of its clients, or have it take them again"},
    {"config", "Show, check and reload the configuration"},
    {"log", "Show and set log levels"},
    {"storage", "Show what the stores of the nodes take"},
    {"backup", "Make, show and delete backups of all nodes"},
    {"token", "Manage the tokens of the admin API in a file"},
    {"passwd", "Add, change or remove a user in a password file"},
};

constexpr verb verbs[] = {
    {"status", "", "Show how a node is", declare_status},
    {"metrics", "", "Print a node's metrics in Prometheus' format", declare_metrics},
    {"clients", "list", "List clients, connected or not", declare_clients_list},
    {"clients", "show", "Show a client with subscriptions, windows and counters",
     declare_clients_show},
    {"clients", "top", "Show who sends and gets most, again and again", declare_clients_top, true},
    {"clients", "slow", "List clients that do not keep up, those farthest behind first",
     declare_clients_slow},
    {"clients", "queue", "List the messages that wait for a client", declare_clients_queue},
    {"clients", "drop-queue", "Drop the messages that wait for a client",
     declare_clients_drop_queue},
    {"clients", "kick", "Close the connection of a client", declare_clients_kick},
    {"clients", "ban", "Keep a client id, user or address out", declare_clients_ban},
    {"clients", "unban", "Let it in again", declare_clients_unban},
    {"clients", "bans", "List who is kept out", declare_clients_bans},
    {"sessions", "list", "List sessions with their queues", declare_sessions_list},
    {"sessions", "discard", "Forget a session, its queue and its subscriptions",
     declare_sessions_discard},
    {"subscriptions", "list", "List subscriptions", declare_subscriptions_list},
    {"subscriptions", "match", "List subscriptions that a topic matches",
     declare_subscriptions_match},
    {"topics", "list", "List topic filters with subscribers", declare_topics_list},
    {"retained", "list", "List retained messages", declare_retained_list},
    {"retained", "show", "Show a retained message", declare_retained_show},
    {"retained", "delete", "Delete a retained message", declare_retained_delete},
    {"route", "show", "Show who would get a message, and by which way", declare_route_show},
    {"route", "audit", "Compare what nodes have announced with what is held where it is matched by",
     declare_route_audit},
    {"trace", "client", "Follow a client on the terminal until Ctrl-C", declare_trace_client, true},
    {"trace", "topic", "Follow the messages of a topic filter until Ctrl-C", declare_trace_topic, true},
    {"trace", "address", "Follow the clients of an address until Ctrl-C", declare_trace_address, true},
    {"trace", "start", "Begin a trace that goes on by itself", declare_trace_start},
    {"trace", "list", "List traces, running or over", declare_trace_list},
    {"trace", "show", "Show what a trace has seen, message by message", declare_trace_show},
    {"trace", "stop", "End a trace; what it has seen stays", declare_trace_stop},
    {"trace", "delete", "End a trace and forget what it has seen", declare_trace_delete},
    {"actor", "list", "List actors", declare_actor_list},
    {"actor", "top", "Show the busiest actors, again and again", declare_actor_top, true},
    {"actor", "tree", "Show run loops and the actors on them", declare_actor_tree},
    {"actor", "show", "Show one actor", declare_actor_show},
    {"actor", "restart", "Begin a session's actor anew", declare_actor_restart},
    {"cluster", "show", "Show the members, and what the node that is asked sees of them",
     declare_cluster_show},
    {"cluster", "shards", "Show which nodes hold and own which shards", declare_cluster_shards},
    {"cluster", "join", "Let the node join the cluster of another one", declare_cluster_join},
    {"cluster", "leave", "Let a node give its shards away and go", declare_cluster_leave},
    {"cluster", "evict", "Take out a node that will never come back", declare_cluster_evict},
    {"cluster", "plan", "Tell which shards would move to even out the nodes", declare_cluster_plan},
    {"shard", "move", "Give a shard to another node that holds a replica of it",
     declare_shard_move},
    {"node", "drain", "Refuse new clients and send those that are connected to another server",
     declare_node_drain, true},
    {"node", "undrain", "Take clients again", declare_node_undrain, true},
    {"config", "show", "Show the configuration in force", declare_config_show},
    {"config", "check", "Read the configuration again and tell what is wrong or would change",
     declare_config_check},
    {"config", "reload", "Read the configuration again and take what can change",
     declare_config_reload},
    {"log", "show", "Show the level of each module", declare_log_show},
    {"log", "level", "Set the level of a module, or of all, until a reload changes log.level",
     declare_log_level},
    {"storage", "show", "Show what the stores take, by column family", declare_storage_show},
    {"storage", "shards", "Show what each shard takes", declare_storage_shards},
    {"backup", "list", "Show the backups that the nodes have", declare_backup_list},
    {"backup", "make", "Every node copies its store while it runs", declare_backup_make},
    {"backup", "delete", "Delete a backup on all nodes", declare_backup_delete},
    {"token", "add", "Make a token, or a new one of that name, and print it", declare_token_add},
    {"token", "remove", "Take a token out of the file", declare_token_remove},
    {"passwd", "", "Add, change or remove a user in a password file", declare_passwd, true},
};

constexpr auto exit_codes =
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no node answers, 4 refused (token or role), "
    "5 not found.\nWithout --url a node of this machine is asked through its Unix socket, or "
    "http://127.0.0.1:18083.";

}  // namespace

std::span<const verb> all_verbs() {
  return verbs;
}

std::span<const noun> all_nouns() {
  return nouns;
}

command_line::command_line(console& with)
    : app_(std::make_unique<CLI::App>("Looks after a Troupe node.", "troupectl")) {
  app_->set_version_flag("--version", "troupectl " TROUPE_VERSION);
  app_->require_subcommand(0, 1);  // so that a wrong verb is named, not missed
  app_->footer(exit_codes);
  if (!with.shell) add_address_options(*app_, with.address);
  for (const auto& each : nouns) {
    auto* const group = app_->add_subcommand(each.name, each.help);
    for (const auto& row : verbs) {
      if (std::string_view(row.noun) != each.name) continue;
      const bool alone = *row.name == '\0';
      auto* const command = alone ? group : group->add_subcommand(row.name, row.help);
      if (!alone) group->require_subcommand(1);
      actions_.emplace_back(command, row.declare(*command, with));
    }
  }
}

command_line::~command_line() = default;

const action* command_line::chosen() const {
  const auto found =
      std::ranges::find_if(actions_, [](const auto& each) { return each.first->parsed(); });
  return found == actions_.end() ? nullptr : &found->second;
}

}  // namespace troupe::ctl
