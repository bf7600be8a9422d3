#include "tools/troupectl/http_client.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <memory>
#include <ostream>

namespace troupe::ctl {

action declare_metrics(CLI::App& command, console& with) {
  const auto given = std::make_shared<node_address>();
  add_address_options(command, *given);
  return [given, &with] {
    const auto answer = http_get(resolved(*given, with), "/metrics");
    if (!answer.problem.empty()) return fail(with, answer);
    with.out << answer.body;
    return success;
  };
}

}  // namespace troupe::ctl
