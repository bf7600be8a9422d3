#include "actors/observe/http/http_router.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <stdexcept>

using namespace troupe::observe;

namespace {

http_router example() {
  http_router routes;
  routes.add(
      "GET", "/livez",
      [](const http_request&, const http_reply& reply) {
        reply({200, "", "alive", {}});
      },
      http_access::open);
  routes.add("GET", "/api/v5/clients/{id}",
             [](const http_request& request, const http_reply& reply) {
               reply({200, "", request.parameters.at("id") + "?" + request.query, {}});
             });
  routes.add("DELETE", "/api/v5/clients/{id}", [](const http_request&, const http_reply& reply) {
    reply({204, "", "", {}});
  });
  routes.add("GET", "/broken",
             [](const http_request&, const http_reply&) { throw std::runtime_error("no"); });
  return routes;
}

http_response ask(std::string method, std::string_view target, bool authorized = true) {
  http_request request;
  request.method = std::move(method);
  request.authorized = authorized;
  std::optional<http_response> answer;
  example().dispatch(std::move(request), target, [&](http_response response) {
    REQUIRE_FALSE(answer);
    answer = std::move(response);
  });
  REQUIRE(answer);
  return *answer;
}

}  // namespace

TEST_CASE("the router finds handlers and fills parameters") {
  CHECK(ask("GET", "/livez").body == "alive");
  CHECK(ask("GET", "/livez/").body == "alive");
  CHECK(ask("GET", "/api/v5/clients/a%2Fb%20c?x=1").body == "a/b c?x=1");
  CHECK(ask("DELETE", "/api/v5/clients/a").status == 204);
}

TEST_CASE("what the router refuses is JSON with a sentence") {
  const auto status = [](const http_response& response) {
    const auto body = nlohmann::json::parse(response.body);
    CHECK_FALSE(body["error"]["reason"].get<std::string>().empty());
    CHECK(body["error"]["status"] == response.status);
    return response.status;
  };
  CHECK(status(ask("GET", "/nothing")) == 404);
  CHECK(status(ask("GET", "/api/v5/clients")) == 404);
  CHECK(status(ask("GET", "*")) == 400);
  CHECK(status(ask("GET", "")) == 400);
  CHECK(status(ask("GET", "/%zz")) == 400);
  CHECK(status(ask("GET", "/%00")) == 400);
  CHECK(status(ask("GET", "/%4")) == 400);
  const auto wrong_method = ask("PUT", "/api/v5/clients/a");
  CHECK(status(wrong_method) == 405);
  CHECK(wrong_method.headers.at(0).second == "GET, HEAD, DELETE");
}

TEST_CASE("a token guards all but the open routes") {
  CHECK(ask("GET", "/livez", false).status == 200);
  CHECK(ask("GET", "/api/v5/clients/a", false).status == 401);
}

TEST_CASE("a handler that throws answers 500") {
  CHECK(ask("GET", "/broken").status == 500);
}
