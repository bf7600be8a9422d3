#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/text_table.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;
using kind = column::kind;

const std::vector<column> client_columns{{"CLIENT", "/clientid"},
                                         {"USER", "/username"},
                                         {"NODE", "/node"},
                                         {"CONNECTED", "/connected"},
                                         {"ADDRESS", "/ip_address"},
                                         {"LISTENER", "/listener"},
                                         {"MQTT", "/proto_ver"},
                                         {"SUBS", "/subscriptions_cnt"},
                                         {"INFLIGHT", "/inflight_cnt"},
                                         {"QUEUE", "/mqueue_len"},
                                         {"BYTES", "/mqueue_bytes", kind::size}};
const std::vector<column> session_columns{{"CLIENT", "/clientid"},
                                          {"NODE", "/node"},
                                          {"CONNECTED", "/connected"},
                                          {"DURABLE", "/durable"},
                                          {"ASLEEP", "/asleep"},
                                          {"EXPIRY", "/expiry_interval", kind::expiry},
                                          {"SUBS", "/subscriptions_cnt"},
                                          {"QUEUE", "/mqueue_len"},
                                          {"BYTES", "/mqueue_bytes", kind::size},
                                          {"DISCONNECTED", "/disconnected_at"}};
const std::vector<column> ban_columns{{"AS", "/as"}, {"WHO", "/who"}, {"UNTIL", "/until"},
                                      {"BY", "/by"}, {"AT", "/at"},   {"REASON", "/reason"}};
const std::vector<line> client_lines{{"client", "/clientid"},
                                     {"user", "/username"},
                                     {"node", "/node"},
                                     {"connected", "/connected"},
                                     {"address", "/ip_address"},
                                     {"port", "/port"},
                                     {"listener", "/listener"},
                                     {"protocol", "/proto_name"},
                                     {"version", "/proto_ver"},
                                     {"keep alive", "/keepalive"},
                                     {"since", "/connected_at"},
                                     {"gone since", "/disconnected_at"},
                                     {"expiry", "/expiry_interval", kind::expiry},
                                     {"durable", "/durable"},
                                     {"asleep", "/asleep"},
                                     {"actor", "/actor"},
                                     {"waits for", "/waits_for"},
                                     {"in flight", "/inflight_cnt"},
                                     {"window", "/windows/outbound/max_inflight"},
                                     {"queued", "/mqueue_len"},
                                     {"queued bytes", "/mqueue_bytes", kind::size},
                                     {"of it cached", "/windows/outbound/queued"},
                                     {"owed by store", "/windows/outbound/owed"},
                                     {"unanswered", "/windows/inbound/pending"},
                                     {"unreleased", "/awaiting_rel_cnt"},
                                     {"will", "/will/topic"},
                                     {"will delay", "/will/delay", kind::expiry},
                                     {"last goodbye", "/last_disconnect/reason"},
                                     {"goodbye at", "/last_disconnect/at"}};
const std::vector<column> subscription_columns{
    {"TOPIC", "/topic"},   {"QOS", "/qos"},     {"SHARE", "/share"}, {"NO LOCAL", "/nl"},
    {"RETAIN AS", "/rap"}, {"RETAINED", "/rh"}, {"ID", "/subid"}};

struct filters {
  listing list{"/api/v1/clients", {}};
  std::string like, prefix, user, ip, protocol, node;
  bool connected = false;
  bool disconnected = false;
  std::uint64_t queue = 0;
};

std::shared_ptr<filters> add_filters(CLI::App& command) {
  auto given = std::make_shared<filters>();
  command.add_option("--like", given->like, "Whose id has this text in it");
  command.add_option("--prefix", given->prefix, "Whose id begins with this");
  command.add_option("--user", given->user, "Of this user name");
  command.add_option("--ip", given->ip, "Whose address begins with this");
  command.add_option("--protocol", given->protocol, "3 (MQTT 3.1), 4 (3.1.1) or 5")
      ->check(CLI::IsMember({"3", "4", "5"}));
  auto* const here = command.add_flag("--connected", given->connected, "Only those connected");
  command.add_flag("--disconnected", given->disconnected, "Only those that are away")
      ->excludes(here);
  command.add_option("--queue", given->queue, "With at least that many queued messages");
  command.add_option("--node", given->node, "Of this node");
  add_limit_option(command, given->list.limit);
  return given;
}

const listing& with_filters(filters& given) {
  auto& query = given.list.query;
  query.clear();
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) query.emplace_back(name, value);
  };
  add("like_clientid", given.like);
  add("prefix", given.prefix);
  add("username", given.user);
  add("ip_address", given.ip);
  add("proto_ver", given.protocol);
  add("node", given.node);
  if (given.connected) add("conn_state", "connected");
  if (given.disconnected) add("conn_state", "disconnected");
  if (given.queue != 0) add("queue_min", std::to_string(given.queue));
  return given.list;
}

std::string client_text(const json& client) {
  auto text = lines_text(client, client_lines);
  if (const auto counters = client.find("counters"); counters != client.end()) {
    for (const auto& [group, values] : counters->items()) {
      std::string row;
      for (const auto& [name, value] : values.items())
        if (value != 0) row += (row.empty() ? "" : ", ") + value.dump() + " " + name;
      std::string label = group;
      label.resize(15, ' ');
      if (!row.empty()) text += harmless(label + row) + "\n";
    }
  }
  const auto found = client.find("subscriptions");
  if (found == client.end() || found->empty()) return text;
  return text + "\n" + list_table({{"data", *found}}, subscription_columns);
}

struct target {
  node_address address;
  std::string client;
};

std::shared_ptr<target> add_client(CLI::App& command) {
  auto given = std::make_shared<target>();
  add_address_options(command, given->address);
  command.add_option("client", given->client, "Client id")->required();
  return given;
}

struct ban_options {
  node_address address;
  std::string who;
  std::string as = "clientid";
  std::uint64_t seconds = 0;
  std::string reason;
};

std::shared_ptr<ban_options> add_banned(CLI::App& command) {
  auto given = std::make_shared<ban_options>();
  add_address_options(command, given->address);
  command.add_option("client", given->who, "Client id, or what --as says")->required();
  command.add_option("--as", given->as, "What is named: clientid, username or ip_address")
      ->check(CLI::IsMember({"clientid", "username", "ip_address"}))
      ->capture_default_str();
  return given;
}

}  // namespace

action declare_clients_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = add_filters(command);
  return [=, &with] { return show_list(with, *how, with_filters(*given), client_columns); };
}

action declare_sessions_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = add_filters(command);
  return [=, &with] { return show_list(with, *how, with_filters(*given), session_columns); };
}

action declare_clients_show(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto client = std::make_shared<std::string>();
  command.add_option("client", *client, "Client id")->required();
  return [=, &with] { return show(with, *how, path_of("/api/v1/clients", *client), client_text); };
}

action declare_clients_kick(CLI::App& command, console& with) {
  const auto given = add_client(command);
  return [given, &with] {
    return order(with, given->address, http_method::erase,
                 path_of("/api/v1/clients", given->client), {},
                 "The connection of \"" + given->client + "\" is closed.");
  };
}

action declare_sessions_discard(CLI::App& command, console& with) {
  const auto given = add_client(command);
  return [given, &with] {
    return order(with, given->address, http_method::erase,
                 path_of("/api/v1/sessions", given->client), {},
                 "The session of \"" + given->client + "\" is gone.");
  };
}

action declare_clients_ban(CLI::App& command, console& with) {
  const auto given = add_banned(command);
  command
      .add_option("--for", given->seconds,
                  "How long: seconds, or a number with min, h or d; else until `unban`")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::uint64_t>{{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86'400}},
          CLI::AsNumberWithUnit::CASE_INSENSITIVE, "TIME"))
      ->check(CLI::Range(1.0, 3e9));
  command.add_option("--reason", given->reason, "For other administrators");
  return [given, &with] {
    json body = {{"as", given->as}, {"who", given->who}, {"reason", given->reason}};
    if (given->seconds == 0)
      body["until"] = "infinity";
    else
      body["expires_in"] = given->seconds;
    return order(with, given->address, http_method::post, "/api/v1/banned",
                 body.dump(-1, ' ', false, json::error_handler_t::replace),
                 "\"" + given->who + "\" is kept out" +
                     (given->seconds == 0 ? "." : " for " + span_text(given->seconds) + "."));
  };
}

action declare_clients_unban(CLI::App& command, console& with) {
  const auto given = add_banned(command);
  return [given, &with] {
    return order(with, given->address, http_method::erase,
                 path_of("/api/v1/banned/" + given->as, given->who), {},
                 "\"" + given->who + "\" may come in.");
  };
}

action declare_clients_bans(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto list = std::make_shared<listing>(listing{"/api/v1/banned", {}});
  add_limit_option(command, list->limit);
  return [=, &with] { return show_list(with, *how, *list, ban_columns); };
}

}  // namespace troupe::ctl
