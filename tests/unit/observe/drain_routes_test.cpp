#include "actors/observe/http/drain_routes.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <optional>

using namespace troupe::observe;

namespace {

struct fixture {
  fixture() {
    add_drain_routes(routes, [this](drain_request request,
                                    std::function<void(drain_figures)> answer) {
      asked = std::move(request);
      answer({true, 500, "b:1883", 7});
    });
  }

  unsigned send(const std::string& method, const std::string& body = {},
                const std::string& type = "application/json", bool authorized = true) {
    http_request request;
    request.method = method;
    request.body = body;
    request.content_type = type;
    if (authorized) request.caller.role = troupe::auth::admin_role::admin;
    asked.reset();
    routes.dispatch(std::move(request), "/api/v1/node/drain",
                    [this](http_response response) { answer = std::move(response); });
    return answer.status;
  }

  http_router routes;
  std::optional<drain_request> asked;
  http_response answer;
};

}  // namespace

TEST_CASE_METHOD(fixture, "drain routes: begin, look and end") {
  CHECK(send("POST") == 200);
  REQUIRE(asked);
  CHECK(asked->what == drain_request::verb::begin);
  CHECK(asked->order.rate == 500);
  CHECK_FALSE(asked->order.server_reference);
  const auto body = nlohmann::json::parse(answer.body);
  CHECK(body["draining"] == true);
  CHECK(body["rate"] == 500);
  CHECK(body["server_reference"] == "b:1883");
  CHECK(body["remaining"] == 7);

  CHECK(send("POST", R"({"rate": 20, "server_reference": "other:8883"})",
             "application/json; charset=utf-8") == 200);
  CHECK(asked->order.rate == 20);
  CHECK(asked->order.server_reference == "other:8883");

  CHECK(send("GET", {}, {}) == 200);
  CHECK(asked->what == drain_request::verb::look);
  CHECK(send("DELETE", {}, {}) == 200);
  CHECK(asked->what == drain_request::verb::end);
}

TEST_CASE_METHOD(fixture, "drain routes: what is wrong changes nothing") {
  const std::string long_text(257, 'x');
  for (const std::string body :
       {"{", "[]", "7", "null", R"({"rate": 0})", R"({"rate": -1})", R"({"rate": 1.5})",
        R"({"rate": "5"})", R"({"rate": 1000001})", R"({"rate": 18446744073709551616})",
        R"({"server_reference": 7})", R"({"server_reference": "a b"})",
        R"({"server_reference": "a\u0000"})", R"({"server_reference": "\u00e4"})",
        R"({"speed": 5})"}) {
    INFO(body);
    CHECK(send("POST", body) == 400);
    CHECK_FALSE(asked);
  }
  CHECK(send("POST", R"({"server_reference": ")" + long_text + "\"}") == 400);
  CHECK(send("POST", "{\"server_reference\": \"\xff\"}") == 400);
  CHECK_FALSE(asked);
}

TEST_CASE_METHOD(fixture, "drain routes: no web page and nobody without the token") {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data", "application/jsonp"}) {
    INFO(type);
    CHECK(send("POST", R"({"rate": 5})", type) == 415);
    CHECK_FALSE(asked);
  }
  for (const char* method : {"GET", "POST", "DELETE"}) {
    CHECK(send(method, {}, "application/json", false) == 401);
    CHECK_FALSE(asked);
  }
}
