#include "tools/troupectl/http_client.hpp"
#include "tools/troupectl/interrupt.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr std::string_view path = "/api/v1/node/drain";
constexpr auto look_again = std::chrono::milliseconds(500);

struct node_options {
  node_address address;
  std::uint32_t rate = 0;  // 0: the node's own
  std::string server_reference;
  bool wait = false;
  std::uint32_t timeout = 3600;  // seconds
};

/// Clients that are still connected; nothing and the code of a failure that was told, if the
/// answer is no answer.
std::optional<std::uint64_t> remaining_in(console& with, const http_answer& answer,
                                          exit_code& code) {
  if (!answer.problem.empty()) {
    code = fail(with, answer);
    return std::nullopt;
  }
  const auto body = json::parse(answer.body, nullptr, false);
  if (body.is_object() && body.contains("draining") && body["draining"] == true &&
      body.contains("remaining") && body["remaining"].is_number_unsigned())
    return body["remaining"].get<std::uint64_t>();
  code = fail(with, "The node does not drain any more.");
  return std::nullopt;
}

/// Waits until no client is left. The number is shown when it has changed.
exit_code wait_until_empty(console& with, const node_address& address, std::uint32_t seconds,
                           std::uint64_t remaining) {
  const interrupt_guard guard;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (remaining != 0) {
    if (std::chrono::steady_clock::now() >= end)
      return fail(with, "After " + std::to_string(seconds) + " s " + std::to_string(remaining) +
                            " clients are still connected.");
    if (!wait_for(look_again)) return fail(with, "The node drains on; nobody waits for it.");
    exit_code code = failure;
    const auto now = remaining_in(with, http_get(address, path), code);
    if (!now) return code;
    if (*now != remaining) with.out << *now << " clients are still connected" << std::endl;
    remaining = *now;
  }
  with.out << "No client is connected.\n";
  return success;
}

exit_code drain(console& with, const node_options& given) {
  auto order = json::object();
  if (given.rate != 0) order["rate"] = given.rate;
  if (!given.server_reference.empty()) order["server_reference"] = given.server_reference;
  const auto body = order.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto address = resolved(given.address, with);
  exit_code code = failure;
  const auto remaining =
      remaining_in(with, http_send(address, http_method::post, path, body), code);
  if (!remaining) return code;
  with.out << "The node drains; " << *remaining << " clients are connected." << std::endl;
  return given.wait ? wait_until_empty(with, address, given.timeout, *remaining) : success;
}

}  // namespace

action declare_node_drain(CLI::App& command, console& with) {
  const auto given = std::make_shared<node_options>();
  add_address_options(command, given->address);
  command.add_option("--rate", given->rate, "Clients sent away in a second; else 500")
      ->check(CLI::Range(1, 1'000'000));
  command.add_option("--server-reference", given->server_reference,
                     "host:port that MQTT 5 clients are told; else node.server_reference");
  command.add_flag("--wait", given->wait, "Return when no client is connected");
  command.add_option("--timeout", given->timeout, "Seconds to wait at most")
      ->capture_default_str();
  command.footer(
      "Until `undrain` or a restart the node is not ready (/readyz), so that balancers leave it "
      "out.");
  return [given, &with] { return drain(with, *given); };
}

action declare_node_undrain(CLI::App& command, console& with) {
  const auto given = std::make_shared<node_address>();
  add_address_options(command, *given);
  return [given, &with] {
    const auto answer = http_send(resolved(*given, with), http_method::erase, path, {});
    if (!answer.problem.empty()) return fail(with, answer);
    with.out << "The node takes clients.\n";
    return success;
  };
}

}  // namespace troupe::ctl
