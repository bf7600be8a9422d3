// Which clients are busiest, and which do not keep up.
#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using kind = column::kind;

const std::vector<column> top_columns{{"CLIENT", "/clientid"},
                                      {"NODE", "/node"},
                                      {"USER", "/username"},
                                      {"RECEIVED", "/rate/received", kind::rate},
                                      {"BYTES", "/rate/received_bytes", kind::size},
                                      {"SENT", "/rate/sent", kind::rate},
                                      {"BYTES", "/rate/sent_bytes", kind::size},
                                      {"DROPPED", "/rate/dropped", kind::rate}};
const std::vector<column> slow_columns{{"CLIENT", "/clientid"},
                                       {"NODE", "/node"},
                                       {"BEHIND", "/behind_ms", kind::age},
                                       {"INFLIGHT", "/inflight_cnt"},
                                       {"QUEUE", "/mqueue_len"},
                                       {"BYTES", "/mqueue_bytes", kind::size},
                                       {"BLOCKED", "/blocked"},
                                       {"OLDEST MESSAGE", "/topic"},
                                       {"WAITS FOR", "/waits_for"}};

struct top_options {
  std::string node;
  std::string sort = "messages";
  double interval = 1;
  std::size_t limit = 0;
  double behind = 0.5;
};

}  // namespace

action declare_clients_top(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<top_options>();
  command
      .add_option("--sort", given->sort,
                  "messages, received, received_bytes, sent, sent_bytes or dropped")
      ->check(CLI::IsMember(
          {"messages", "received", "received_bytes", "sent", "sent_bytes", "dropped"}))
      ->capture_default_str();
  command.add_option("--node", given->node, "Of this node");
  add_limit_option(command, given->limit);
  add_interval_option(command, given->interval);
  return [=, &with] {
    listing list{"/api/v1/top_talkers", {{"sort", given->sort}}, given->limit};
    if (!given->node.empty()) list.query.emplace_back("node", given->node);
    return show_top(with, *how, list, given->interval, top_columns);
  };
}

action declare_clients_slow(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<top_options>();
  given->limit = 100;
  command.add_option("--behind", given->behind, "Seconds that they are behind at least")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command.add_option("--node", given->node, "Of this node");
  add_limit_option(command, given->limit);
  command.footer(
      "A client is behind by the age of the oldest message that it was owed and has not "
      "acknowledged; one that just came back to a long queue is, too.");
  return [=, &with] {
    listing list{"/api/v1/slow_subscriptions", {}, given->limit};
    list.query.emplace_back("threshold",
                            std::to_string(static_cast<std::uint64_t>(given->behind * 1000)));
    if (!given->node.empty()) list.query.emplace_back("node", given->node);
    return show_list(with, *how, list, slow_columns);
  };
}

}  // namespace troupe::ctl
