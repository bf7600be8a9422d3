#include "tools/troupectl/metrics_text.hpp"
#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

namespace troupe::ctl {

using nlohmann::json;

action declare_metrics(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [how, &with] {
    // The node answers in Prometheus' format: what is shown is made JSON first, as of all verbs.
    const auto ask = [&](const node_address& at) {
      auto answer = http_get(at, "/metrics");
      if (!answer.problem.empty()) return answer;
      const json body = how->json ? metrics_of(answer.body) : json(answer.body);
      answer.body = body.dump(how->json ? 2 : -1, ' ', false, json::error_handler_t::replace) + "\n";
      return answer;
    };
    return show(with, *how, ask, [](const json& text) { return text.get<std::string>(); });
  };
}

}  // namespace troupe::ctl
