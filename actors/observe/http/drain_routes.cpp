#include "actors/observe/http/drain_routes.hpp"

#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>

namespace troupe::observe {
namespace {

using nlohmann::json;

constexpr std::uint64_t highest_rate = 1'000'000;

constexpr auto figures_shape = R"({"draining": "boolean", "rate": "integer",
  "server_reference": "text", "remaining": "integer"})";

http_response answer_with(const drain_figures& now) {
  return json_response({{"draining", now.draining},
                        {"rate", now.rate},
                        {"server_reference", now.server_reference},
                        {"remaining", now.remaining}});
}

/// Fills the order from the body; a sentence says what is wrong with it.
std::string read_order(const std::string& body, drain_order& order) {
  if (body.empty()) return {};
  const auto given = json::parse(body, nullptr, false);  // of its shape: the router has looked
  for (const auto& [name, value] : given.items()) {
    if (name == "rate") {
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0 ||
          value.get<std::uint64_t>() > highest_rate)
        return "rate must be a whole number from 1 to " + std::to_string(highest_rate) +
               ", clients per second.";
      order.rate = value.get<std::uint32_t>();
    } else if (name == "server_reference") {
      if (!value.is_string() || !is_server_reference(value.get_ref<const std::string&>()))
        return "server_reference must be at most 256 visible ASCII characters, such as "
               "\"broker-2.example.org:1883\".";
      order.server_reference = value.get<std::string>();
    }
  }
  return {};
}

}  // namespace

bool is_server_reference(std::string_view text) {
  if (text.size() > 256) return false;
  for (const char c : text)
    if (c <= ' ' || c >= 0x7f) return false;
  return true;
}

void add_drain_routes(http_router& routes, drain_control control) {
  const auto shared = std::make_shared<const drain_control>(std::move(control));
  const auto ask = [shared](drain_request what, http_reply reply) {
    (*shared)(std::move(what), [reply = std::move(reply)](const drain_figures& now) {
      reply(answer_with(now));
    });
  };
  const auto add = [&](http_route route) {
    route.path = "/api/v1/node/drain";
    route.answer = figures_shape;
    routes.add(std::move(route));
  };
  add({.method = "GET",
       .help = "Whether the node drains, and how many clients are left.",
       .handler = [ask](const http_request&, http_reply reply) {
         ask({drain_request::verb::look, {}}, std::move(reply));
       }});
  add({.method = "POST",
       .least = admin_role::admin,
       .help = "Refuses new clients and sends those that are connected away, at a rate.",
       .body = R"({"rate?": "integer", "server_reference?": "text"})",
       .handler = [ask](const http_request& request, http_reply reply) {
         drain_request wanted{drain_request::verb::begin, {}};
         if (const auto problem = read_order(request.body, wanted.order); !problem.empty())
           return reply(http_error(400, problem));
         ask(std::move(wanted), std::move(reply));
       }});
  add({.method = "DELETE",
       .least = admin_role::admin,
       .help = "Takes clients again.",
       .handler = [ask](const http_request&, http_reply reply) {
         ask({drain_request::verb::end, {}}, std::move(reply));
       }});
}

}  // namespace troupe::observe
