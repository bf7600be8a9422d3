#include "tools/troupectl/http_client.hpp"
#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace troupe::ctl {

action declare_metrics(CLI::App& command) {
  const auto address = std::make_shared<node_address>();
  add_address_options(command, *address);
  return [address] {
    const auto answer = http_get(*address, "/metrics");
    if (!answer.problem.empty()) {
      std::cerr << "troupectl: " << answer.problem << "\n";
      return failure;
    }
    std::cout << answer.body;
    return success;
  };
}

}  // namespace troupe::ctl
