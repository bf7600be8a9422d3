#pragma once

#include "tools/troupectl/verb.hpp"

/// The verbs, each in the file of its noun.
namespace troupe::ctl {

action declare_status(CLI::App& command, console& with);
action declare_metrics(CLI::App& command, console& with);
action declare_storage_show(CLI::App& command, console& with);
action declare_storage_shards(CLI::App& command, console& with);
action declare_clients_list(CLI::App& command, console& with);
action declare_clients_top(CLI::App& command, console& with);
action declare_clients_slow(CLI::App& command, console& with);
action declare_clients_show(CLI::App& command, console& with);
action declare_clients_queue(CLI::App& command, console& with);
action declare_clients_drop_queue(CLI::App& command, console& with);
action declare_clients_kick(CLI::App& command, console& with);
action declare_clients_ban(CLI::App& command, console& with);
action declare_clients_unban(CLI::App& command, console& with);
action declare_clients_bans(CLI::App& command, console& with);
action declare_sessions_list(CLI::App& command, console& with);
action declare_sessions_discard(CLI::App& command, console& with);
action declare_subscriptions_list(CLI::App& command, console& with);
action declare_subscriptions_match(CLI::App& command, console& with);
action declare_topics_list(CLI::App& command, console& with);
action declare_retained_list(CLI::App& command, console& with);
action declare_retained_show(CLI::App& command, console& with);
action declare_retained_delete(CLI::App& command, console& with);
action declare_route_show(CLI::App& command, console& with);
action declare_route_audit(CLI::App& command, console& with);
action declare_actor_list(CLI::App& command, console& with);
action declare_actor_top(CLI::App& command, console& with);
action declare_actor_tree(CLI::App& command, console& with);
action declare_actor_show(CLI::App& command, console& with);
action declare_actor_restart(CLI::App& command, console& with);
action declare_cluster_show(CLI::App& command, console& with);
action declare_cluster_shards(CLI::App& command, console& with);
action declare_cluster_join(CLI::App& command, console& with);
action declare_cluster_leave(CLI::App& command, console& with);
action declare_cluster_evict(CLI::App& command, console& with);
action declare_cluster_plan(CLI::App& command, console& with);
action declare_shard_move(CLI::App& command, console& with);
action declare_node_drain(CLI::App& command, console& with);
action declare_node_undrain(CLI::App& command, console& with);
action declare_config_show(CLI::App& command, console& with);
action declare_config_check(CLI::App& command, console& with);
action declare_config_reload(CLI::App& command, console& with);
action declare_log_show(CLI::App& command, console& with);
action declare_backup_list(CLI::App& command, console& with);
action declare_backup_make(CLI::App& command, console& with);
action declare_backup_delete(CLI::App& command, console& with);
action declare_log_level(CLI::App& command, console& with);
action declare_trace_start(CLI::App& command, console& with);
action declare_trace_list(CLI::App& command, console& with);
action declare_trace_show(CLI::App& command, console& with);
action declare_trace_stop(CLI::App& command, console& with);
action declare_trace_delete(CLI::App& command, console& with);
action declare_trace_client(CLI::App& command, console& with);
action declare_trace_topic(CLI::App& command, console& with);
action declare_trace_address(CLI::App& command, console& with);
action declare_token_add(CLI::App& command, console& with);
action declare_token_remove(CLI::App& command, console& with);
action declare_passwd(CLI::App& command, console& with);

}  // namespace troupe::ctl
