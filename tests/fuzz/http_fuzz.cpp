// Requests to the admin API: target, body and content type. Beyond "does not crash": exactly one
// answer comes, and every refusal is JSON with a code and a sentence.

#include "actors/observe/http/http_router.hpp"
#include "actors/observe/http/paging.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace troupe::observe;

http_router make_routes() {
  http_router routes;
  const auto answer = [](const http_request& request, const http_reply& reply) {
    const auto page = page_of(request);
    auto items = nlohmann::json::array();
    for (const auto& [name, value] : request.parameters) items.push_back(name + value);
    for (const auto& [name, value] : request.query) items.push_back(name + value);
    reply(page_response(std::move(items), page.after));
  };
  routes.add({.method = "GET",
              .path = "/a/{id}/b",
              .answer = R"({"id": "text"})",
              .paged = true,
              .handler = answer});
  routes.add(
      {.method = "GET",
       .path = "/a/b",
       .parameters = {{.name = "n", .type = http_parameter::kind::integer, .greatest = 99},
                      {.name = "f", .type = http_parameter::kind::boolean},
                      {.name = "c", .type = http_parameter::kind::choice, .choices = {"x", "y"}},
                      {.name = "t", .least = 1, .greatest = 9}},
       .paged = true,
       .handler = answer});
  routes.add({.method = "POST",
              .path = "/a/{id}",
              .body = R"({"t": "text", "n?": "integer|null", "l?": [{"*": "boolean"}]})",
              .handler = answer});
  return routes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const http_router routes = make_routes();
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  http_request request;
  request.method = data[0] % 2 == 0 ? "GET" : "POST";
  request.content_type = data[0] % 4 < 3 ? "application/json" : "text/plain";
  request.caller.role = data[0] % 8 < 7 ? admin_role::admin : admin_role::none;
  bytes.remove_prefix(1);
  const auto cut = bytes.find('\n');
  const auto target = bytes.substr(0, cut);
  if (cut != std::string_view::npos) request.body = bytes.substr(cut + 1);
  int answers = 0;
  routes.dispatch(std::move(request), target, [&](const http_response& response) {
    ++answers;
    const auto body = nlohmann::json::parse(response.body, nullptr, false);
    if (body.is_discarded()) std::abort();
    if (response.status != 200 && (!body.contains("code") || !body.contains("message")))
      std::abort();
  });
  if (answers != 1) std::abort();
  return 0;
}
