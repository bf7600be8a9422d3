#include "tools/troupectl/http_client.hpp"
#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr std::string_view path = "/api/v1/node/drain";
constexpr auto look_again = std::chrono::milliseconds(500);

struct options {
  node_address address;
  std::uint32_t rate = 0;  // 0: the node's own
  std::string server_reference;
  bool wait = false;
  std::uint32_t timeout = 3600;  // seconds
};

exit_code fail(const std::string& why) {
  std::cerr << "troupectl: " << why << "\n";
  return failure;
}

/// Clients that are still connected; a sentence in `problem` if the answer is no answer.
std::uint64_t remaining_in(const http_answer& answer, std::string& problem) {
  problem = answer.problem;
  if (!problem.empty()) return 0;
  const auto body = json::parse(answer.body, nullptr, false);
  if (body.is_object() && body.contains("draining") && body["draining"] == true &&
      body.contains("remaining") && body["remaining"].is_number_unsigned())
    return body["remaining"].get<std::uint64_t>();
  problem = "The node does not drain any more.";
  return 0;
}

/// Waits until no client is left. The number is shown when it has changed.
exit_code wait_until_empty(const options& given, std::uint64_t remaining) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(given.timeout);
  while (remaining != 0) {
    if (std::chrono::steady_clock::now() >= end)
      return fail("After " + std::to_string(given.timeout) + " s " + std::to_string(remaining) +
                  " clients are still connected.");
    std::this_thread::sleep_for(look_again);
    std::string problem;
    const auto now = remaining_in(http_get(given.address, path), problem);
    if (!problem.empty()) return fail(problem);
    if (now != remaining) std::cout << now << " clients are still connected" << std::endl;
    remaining = now;
  }
  std::cout << "No client is connected.\n";
  return success;
}

exit_code drain(const options& given) {
  auto order = json::object();
  if (given.rate != 0) order["rate"] = given.rate;
  if (!given.server_reference.empty()) order["server_reference"] = given.server_reference;
  const auto body = order.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string problem;
  const auto remaining =
      remaining_in(http_send(given.address, http_method::post, path, body), problem);
  if (!problem.empty()) return fail(problem);
  std::cout << "The node drains; " << remaining << " clients are connected.\n";
  return given.wait ? wait_until_empty(given, remaining) : success;
}

exit_code undrain(const options& given) {
  const auto answer = http_send(given.address, http_method::erase, path, {});
  if (!answer.problem.empty()) return fail(answer.problem);
  std::cout << "The node takes clients.\n";
  return success;
}

}  // namespace

action declare_node(CLI::App& command) {
  const auto given = std::make_shared<options>();
  command.require_subcommand(1);
  auto* const draining = command.add_subcommand(
      "drain", "Refuse new clients and send those that are connected to another server");
  add_address_options(*draining, given->address);
  draining->add_option("--rate", given->rate, "Clients sent away in a second; else 500")
      ->check(CLI::Range(1, 1'000'000));
  draining->add_option("--server-reference", given->server_reference,
                       "host:port that MQTT 5 clients are told; else node.server_reference");
  draining->add_flag("--wait", given->wait, "Return when no client is connected");
  draining->add_option("--timeout", given->timeout, "Seconds to wait at most")
      ->capture_default_str();
  draining->footer(
      "Until `undrain` or a restart the node is not ready (/readyz), so that balancers leave it out.");
  auto* const taking = command.add_subcommand("undrain", "Take clients again");
  add_address_options(*taking, given->address);
  return [given, draining] { return draining->parsed() ? drain(*given) : undrain(*given); };
}

}  // namespace troupe::ctl
