#include "actors/observe/http/http_router.hpp"

#include "actors/observe/http/paging.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <stdexcept>

using namespace troupe::observe;
using nlohmann::json;

namespace {

void tell(http_router& to, const char* method, const char* path, admin_role least,
          std::string text) {
  to.add({.method = method,
          .path = path,
          .least = least,
          .handler = [text](const http_request& request, const http_reply& reply) {
            http_response response;
            response.body = text;
            for (const auto& [name, value] : request.parameters) response.body += value;
            reply(std::move(response));
          }});
}

http_router example() {
  http_router routes;
  tell(routes, "GET", "/livez", admin_role::none, "alive");
  tell(routes, "GET", "/clients/{id}", admin_role::viewer, "client ");
  tell(routes, "DELETE", "/clients/{id}", admin_role::operator_, "gone ");
  tell(routes, "GET", "/clients/top", admin_role::viewer, "top");
  routes.add(
      {.method = "GET",
       .path = "/list",
       .parameters =
           {{.name = "queue", .type = http_parameter::kind::integer, .least = 2, .greatest = 9},
            {.name = "up", .type = http_parameter::kind::boolean},
            {.name = "sort", .type = http_parameter::kind::choice, .choices = {"id", "age"}},
            {.name = "filter", .required = true, .least = 1, .greatest = 8}},
       .answer = R"({"id": "text"})",
       .paged = true,
       .handler = [](const http_request& request, const http_reply& reply) {
         const auto page = page_of(request);
         reply(page_response(json::array({request.asked("filter"), page.limit, page.after}),
                             "key\xff"));
       }});
  routes.add({.method = "PUT",
              .path = "/order",
              .least = admin_role::admin,
              .body = R"({"name": "text", "count?": "integer", "tags?": ["text"],
                          "in?": {"*": "boolean"}})",
              .handler = [](const http_request&, const http_reply& reply) {
                reply(json_response({{"done", true}}));
              }});
  routes.add(
      {.method = "GET", .path = "/broken", .handler = [](const http_request&, const http_reply&) {
         throw std::runtime_error("no");
       }});
  return routes;
}

http_response ask(std::string method, std::string_view target, admin_role role = admin_role::admin,
                  std::string body = {}, std::string type = "application/json") {
  http_request request;
  request.method = std::move(method);
  request.body = std::move(body);
  request.content_type = std::move(type);
  request.caller.role = role;
  request.caller.name = "token t";
  std::optional<http_response> answer;
  example().dispatch(std::move(request), target, [&](http_response response) {
    REQUIRE_FALSE(answer);
    answer = std::move(response);
  });
  REQUIRE(answer);
  return *answer;
}

/// Status and sentence.
std::string told(const http_response& response) {
  const auto body = json::parse(response.body);
  CHECK(body.size() == 2);
  CHECK_FALSE(body["code"].get<std::string>().empty());
  return std::to_string(response.status) + " " + body["message"].get<std::string>();
}

}  // namespace

TEST_CASE("the router finds handlers and fills parameters") {
  CHECK(ask("GET", "/livez").body == "alive");
  CHECK(ask("GET", "/livez/").body == "alive");
  CHECK(ask("GET", "/clients/a%2Fb%20c").body == "client a/b c");
  CHECK(ask("DELETE", "/clients/a").body == "gone a");
  // An exact segment wins, in whatever order they were added.
  CHECK(ask("GET", "/clients/top").body == "top");
}

TEST_CASE("what the router refuses is JSON with a code and a sentence") {
  CHECK(told(ask("GET", "/nothing")) == "404 There is nothing at this path.");
  CHECK(ask("GET", "/clients").status == 404);
  CHECK(ask("GET", "*").status == 400);
  CHECK(ask("GET", "").status == 400);
  CHECK(ask("GET", "/%zz").status == 400);
  CHECK(ask("GET", "/%00").status == 400);
  CHECK(told(ask("GET", "/%4")) == "400 The path has a broken escape.");
  const auto wrong_method = ask("PUT", "/clients/a");
  CHECK(told(wrong_method) == "405 This path does not take that method.");
  CHECK(wrong_method.headers.at(0).second == "GET, HEAD, DELETE");
}

TEST_CASE("each route asks for its role") {
  CHECK(ask("GET", "/livez", admin_role::none).status == 200);
  const auto nobody = ask("GET", "/clients/a", admin_role::none);
  CHECK(nobody.status == 401);
  CHECK(nobody.headers.at(0).second == "Bearer");
  CHECK(ask("GET", "/clients/a", admin_role::viewer).status == 200);
  CHECK(told(ask("DELETE", "/clients/a", admin_role::viewer)) ==
        "403 This needs the role operator; token t is viewer.");
  CHECK(ask("DELETE", "/clients/a", admin_role::operator_).status == 200);
  CHECK(ask("PUT", "/order", admin_role::operator_, "{}").status == 403);
  CHECK(ask("DELETE", "/clients/a", admin_role::none).status == 401);
}

TEST_CASE("queries are what the route declares") {
  const auto refused = [](const std::string& query) { return told(ask("GET", "/list?" + query)); };
  CHECK(ask("GET", "/list?filter=a&queue=2&up=true&sort=age&limit=1&cursor=6162").status == 200);
  CHECK(refused("") == "400 \"filter\" is missing.");
  CHECK(refused("filter=") == "400 \"filter\" must be a text of at least 1 bytes.");
  CHECK(refused("filter=123456789") == "400 \"filter\" must be a text of at most 8 bytes.");
  CHECK(refused("filter=a&filter=b") == "400 \"filter\" was sent twice.");
  CHECK(refused("filter=a&other=b") == "400 \"other\" has no meaning here.");
  CHECK(refused("filter=%") == "400 The query has a broken escape.");
  for (const auto* queue : {"1", "10", "-3", "2x", "", "99999999999999999999"}) {
    INFO(queue);
    CHECK(refused(std::string("filter=a&queue=") + queue) ==
          "400 \"queue\" must be a whole number from 2 to 9.");
  }
  CHECK(refused("filter=a&up=1") == "400 \"up\" must be true or false.");
  CHECK(refused("filter=a&sort=size") == "400 \"sort\" must be id or age.");
  CHECK(refused("filter=a&limit=0") == "400 \"limit\" must be a whole number from 1 to 10000.");
  CHECK(refused("filter=a&cursor=6") == "400 \"cursor\" must be what an answer's meta.cursor was.");
  CHECK(refused("filter=a&cursor=zz").starts_with("400"));
  CHECK(ask("GET", "/clients/a?x=1").status == 400);
}

TEST_CASE("pages carry any key from one to the next") {
  const auto first = json::parse(ask("GET", "/list?filter=a+b%2B").body);
  CHECK(first["data"] == json{"a b+", 100, ""});
  const auto cursor = first["meta"]["cursor"].get<std::string>();
  CHECK(cursor == "6b6579ff");
  std::string key;
  CHECK(decode_cursor(cursor, key));
  CHECK(key == "key\xff");
  CHECK(json::parse(page_response(json::array(), {}).body) ==
        json{{"data", json::array()}, {"meta", {{"cursor", ""}}}});
}

TEST_CASE("bodies have the shape that the route declares") {
  const auto send = [](const char* body) { return ask("PUT", "/order", admin_role::admin, body); };
  CHECK(send(R"({"name": "a"})").status == 200);
  CHECK(send(R"({"name": "a", "count": 3, "tags": ["x"], "in": {"any": true}})").status == 200);
  CHECK(told(send("")) == "400 \"name\" is missing.");
  CHECK(told(send("{")) == "400 The body is not JSON.");
  CHECK(told(send("null")) == "400 The body must be a JSON object.");
  CHECK(told(send(R"({"name": 1})")) == "400 \"name\" must be a text.");
  CHECK(told(send(R"({"name": "a", "count": 1.5})")) == "400 \"count\" must be a whole number.");
  CHECK(told(send(R"({"name": "a", "tags": "x"})")) == "400 \"tags\" must be an array.");
  CHECK(told(send(R"({"name": "a", "tags": [1]})")) == "400 \"tags[0]\" must be a text.");
  CHECK(told(send(R"({"name": "a", "in": {"x": 1}})")) == "400 \"in.x\" must be true or false.");
  CHECK(told(send(R"({"name": "a", "more": 1})")) == "400 \"more\" has no meaning here.");
  CHECK(ask("PUT", "/order", admin_role::admin, R"({"name": "a"})", "text/plain").status == 415);
  CHECK(told(ask("GET", "/clients/a", admin_role::admin, "{}")) ==
        "400 This request takes no body.");
}

TEST_CASE("a handler that throws answers 500") {
  CHECK(ask("GET", "/broken").status == 500);
}
