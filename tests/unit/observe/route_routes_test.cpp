#include "actors/observe/routes/route_routes.hpp"

#include "actors/observe/api/http_shape.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace troupe::observe;
using nlohmann::json;

namespace {

/// Routes that are what the test says; remembers what it was asked.
class fake_routes final : public route_source {
 public:
  void show(std::string topic, std::function<void(topic_routes)> answer) override {
    found.topic = std::move(topic);
    answer(found);
  }
  void audit(std::function<void(std::vector<audited_routes>)> answer) override { answer(parts); }

  topic_routes found;
  std::vector<audited_routes> parts;
};

struct fixture {
  std::shared_ptr<fake_routes> source = std::make_shared<fake_routes>();
  http_router routes;
  admin_role role = admin_role::viewer;

  fixture() { add_route_routes(routes, source); }

  http_response ask(std::string_view target) {
    http_request request;
    request.method = "GET";
    request.caller.role = role;
    http_response answered;
    answered.status = 0;
    routes.dispatch(std::move(request), target, [&](http_response r) { answered = std::move(r); });
    return answered;
  }

  /// Of a good answer, which has the shape that its route declares.
  json shown(std::string_view target, std::size_t route) {
    const auto answer = ask(target);
    REQUIRE(answer.status == 200);
    auto body = json::parse(answer.body);
    CHECK(shape_fault(body, parse_shape(routes.routes()[route].answer)).empty());
    return body;
  }
};

}  // namespace

TEST_CASE("who gets a topic is shown, whatever the topic is") {
  fixture at;
  at.source->found = {{}, 5, "n2", 7, "n2", true, 2, {}};
  route_entry entry;
  entry.session = "00000000000000aa";
  entry.client = "c\xff";
  entry.filter = "a/#";
  entry.group = "g";
  entry.qos = 2;
  entry.durable = true;
  entry.node = "n2";
  entry.at = "n1";
  entry.way = "one hop";
  at.source->found.routes = {entry};
  const auto shown = at.shown("/api/v1/routes?topic=a%2Fb%20%26c", 0);
  CHECK(at.source->found.topic == "a/b &c");
  CHECK(shown["owner"] == "n2");
  CHECK(shown["total"] == 2);
  REQUIRE(shown["routes"].size() == 1);
  CHECK(shown["routes"][0]["way"] == "one hop");
  CHECK(shown["routes"][0]["group"] == "g");
  CHECK(shown["routes"][0]["connected"] == false);
}

TEST_CASE("what is no topic is refused") {
  fixture at;
  for (const auto* wrong : {"", "?topic=", "?topic=a/%23", "?topic=%2B", "?topic=%zz", "?topik=a",
                            "?topic=a&topic=b"}) {
    CAPTURE(wrong);
    CHECK(at.ask(std::string("/api/v1/routes") + wrong).status == 400);
  }
  CHECK(at.source->found.topic.empty());
  at.role = admin_role::none;
  CHECK(at.ask("/api/v1/routes?topic=a").status == 401);
  CHECK(at.ask("/api/v1/routes/audit").status == 401);
}

TEST_CASE("the audit has every part with its checks") {
  fixture at;
  CHECK(at.shown("/api/v1/routes/audit", 1)["parts"].empty());
  at.source->parts = {{"shard 0", "n1", true, 1, {{"n2", "clean sessions", "0a", "0b", 3, 2}}},
                      {"wildcards", "", false, 0, {}}};
  const auto parts = at.shown("/api/v1/routes/audit", 1)["parts"];
  REQUIRE(parts.size() == 2);
  CHECK(parts[0]["checks"][0] == json{{"announcer", "n2"},
                                      {"of", "clean sessions"},
                                      {"announced", "0a"},
                                      {"held", "0b"},
                                      {"announced_count", 3},
                                      {"held_count", 2}});
  CHECK(parts[1]["answered"] == false);
}
