#include "protocol/auth/digest.hpp"
#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;
using kind = column::kind;

const std::vector<column> subscription_columns{
    {"TOPIC", "/topic"}, {"CLIENT", "/clientid"}, {"NODE", "/node"}, {"CONNECTED", "/connected"},
    {"QOS", "/qos"},     {"SHARE", "/share"},     {"ID", "/subid"}};
const std::vector<column> topic_columns{
    {"TOPIC", "/topic"}, {"SUBSCRIPTIONS", "/subscriptions_cnt"}, {"GROUPS", "/groups_cnt"}};
const std::vector<column> retained_columns{{"TOPIC", "/topic"},
                                           {"QOS", "/qos"},
                                           {"SIZE", "/payload_size", kind::size},
                                           {"PUBLISHED", "/publish_at"},
                                           {"EXPIRES", "/expires_at"}};
const std::vector<line> retained_lines{{"topic", "/topic"},
                                       {"qos", "/qos"},
                                       {"size", "/payload_size", kind::size},
                                       {"published", "/publish_at"},
                                       {"expires", "/expires_at"}};

struct topics_options {
  listing list;
  std::string topic, client, group, node;
};

void add(query_values& to, const char* name, const std::string& value) {
  if (!value.empty()) to.emplace_back(name, value);
}

/// Text where it is text, base 64 where it is not.
std::string retained_text(const json& message) {
  auto text = lines_text(message, retained_lines);
  const auto encoded = message.value("payload", std::string());
  const auto payload = auth::from_base64(encoded);
  const bool cut = message.value("payload_truncated", false);
  const auto printable = payload ? harmless_lines(*payload) : std::string();
  if (payload && printable == *payload)
    text += "payload        " + (payload->empty() ? "(empty)" : printable) + "\n";
  else
    text += "in base 64     " + harmless(encoded) + "\n";
  if (cut) text += "The payload is longer than what is shown.\n";
  return text;
}

}  // namespace

action declare_subscriptions_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<topics_options>(topics_options{{"/api/v1/subscriptions", {}}, {}, {}, {}, {}});
  command.add_option("--filter", given->topic, "With exactly this topic filter");
  command.add_option("--client", given->client, "Of this client id");
  command.add_option("--share", given->group, "Of this shared group");
  command.add_option("--node", given->node, "Of this node");
  add_limit_option(command, given->list.limit);
  return [=, &with] {
    auto list = given->list;
    add(list.query, "topic", given->topic);
    add(list.query, "clientid", given->client);
    add(list.query, "share", given->group);
    add(list.query, "node", given->node);
    return show_list(with, *how, list, subscription_columns);
  };
}

action declare_subscriptions_match(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<topics_options>(topics_options{{"/api/v1/subscriptions", {}}, {}, {}, {}, {}});
  command.add_option("topic", given->topic, "Topic of a message")->required();
  add_limit_option(command, given->list.limit);
  return [=, &with] {
    auto list = given->list;
    add(list.query, "match_topic", given->topic);
    return show_list(with, *how, list, subscription_columns);
  };
}

action declare_topics_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<topics_options>(topics_options{{"/api/v1/topics", {}}, {}, {}, {}, {}});
  auto match = std::make_shared<std::string>();
  command.add_option("--filter", given->topic, "Exactly this topic filter");
  command.add_option("--match", *match, "Filters that match this topic");
  command.add_option("--node", given->node, "Of clients of this node");
  add_limit_option(command, given->list.limit);
  command.footer("A filter of shared subscriptions is told without its \"$share\".");
  return [=, &with] {
    auto list = given->list;
    add(list.query, "topic", given->topic);
    add(list.query, "match_topic", *match);
    add(list.query, "node", given->node);
    return show_list(with, *how, list, topic_columns);
  };
}

action declare_retained_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<topics_options>(topics_options{{"/api/v1/retained", {}}, {}, {}, {}, {}});
  command.add_option("filter", given->topic, "Topic filter; none: all");
  add_limit_option(command, given->list.limit);
  return [=, &with] {
    auto list = given->list;
    add(list.query, "topic", given->topic);
    return show_list(with, *how, list, retained_columns);
  };
}

action declare_retained_show(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto topic = std::make_shared<std::string>();
  command.add_option("topic", *topic, "Topic")->required();
  command.footer("A payload that is no text is shown in base 64; with --json each is.");
  return [=, &with] {
    return show(with, *how, path_of("/api/v1/retained", *topic), retained_text);
  };
}

action declare_retained_delete(CLI::App& command, console& with) {
  const auto address = std::make_shared<node_address>();
  const auto topic = std::make_shared<std::string>();
  add_address_options(command, *address);
  command.add_option("topic", *topic, "Topic")->required();
  return [=, &with] {
    return order(with, *address, http_method::erase, path_of("/api/v1/retained", *topic), {},
                 "The retained message of \"" + *topic + "\" is deleted.");
  };
}

}  // namespace troupe::ctl
