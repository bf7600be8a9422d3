#include "tools/troupectl/interrupt.hpp"
#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;
using kind = column::kind;

const std::vector<column> queue_columns{{"ORDER", "/order"},
                                        {"TOPIC", "/topic"},
                                        {"QOS", "/qos"},
                                        {"RETAIN", "/retain"},
                                        {"SIZE", "/size", kind::size},
                                        {"PUBLISHED", "/publish_at"},
                                        {"EXPIRES", "/expires_at"},
                                        {"SHARE", "/share"}};
const std::vector<column> with_payload = [] {
  auto columns = queue_columns;
  columns.push_back({"PAYLOAD (BASE 64)", "/payload"});
  return columns;
}();

// One order goes on for a second; who publishes faster than that is not waited for.
constexpr unsigned most_orders = 600;

std::string queue_path(const std::string& client) {
  return path_of("/api/v1/clients", client) + "/mqueue_messages";
}

struct drop_options {
  node_address address;
  std::string client;
  bool yes = false;
};

exit_code drop_queue(console& with, const drop_options& given) {
  if (!given.yes)
    return fail(with, "The messages would be lost: say --yes if that is meant.", usage);
  const interrupt_guard guard;
  const auto address = resolved(given.address, with);
  std::uint64_t dropped = 0;
  bool more = true;
  for (unsigned i = 0; more && i < most_orders && !interrupted(); ++i) {
    const auto answer = http_send(address, http_method::erase, queue_path(given.client), {});
    if (!answer.problem.empty()) return fail(with, answer);
    const auto body = json::parse(answer.body, nullptr, false);
    try {
      dropped += body.at("dropped").get<std::uint64_t>();
      more = body.at("more").get<bool>();
    } catch (const json::exception&) {
      return fail(with, "The node's answer is of another version.");
    }
  }
  with.out << dropped << (dropped == 1 ? " message is" : " messages are") << " dropped"
           << (more ? "; there are more." : ".") << "\n";
  return success;
}

}  // namespace

action declare_clients_queue(CLI::App& command, console& with) {
  struct queue_options {
    std::string client;
    listing list;
    bool payload = false;
  };
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<queue_options>();
  command.add_option("client", given->client, "Client id")->required();
  command.add_flag("--payload", given->payload, "With the payload, at most 4 KiB of each");
  add_limit_option(command, given->list.limit);
  return [=, &with] {
    auto list = given->list;
    list.path = queue_path(given->client);
    if (given->payload) list.query.emplace_back("payload", "base64");
    return show_list(with, *how, list, given->payload ? with_payload : queue_columns);
  };
}

action declare_clients_drop_queue(CLI::App& command, console& with) {
  const auto given = std::make_shared<drop_options>();
  add_address_options(command, given->address);
  command.add_option("client", given->client, "Client id")->required();
  command.add_flag("--yes", given->yes, "The messages are to be lost");
  command.footer("What is on its way to the client stays.");
  return [=, &with] { return drop_queue(with, *given); };
}

}  // namespace troupe::ctl
