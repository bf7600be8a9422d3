#include "actors/observe/http/cluster_routes.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace troupe::observe;
using nlohmann::json;

namespace {

/// A cluster that remembers what it was asked and answers as it was told.
class fake_cluster final : public cluster_source {
 public:
  void view(std::function<void(cluster_view)> answer) override { answer(now); }
  void shards(std::function<void(std::vector<shard_view>)> answer) override { answer(held); }
  void order(cluster_order what, std::function<void(cluster_answer)> answer) override {
    orders.push_back(std::move(what));
    answer(reply);
  }

  cluster_view now;
  std::vector<shard_view> held;
  std::vector<cluster_order> orders;
  cluster_answer reply{true, false, "Done."};
};

struct fixture {
  std::shared_ptr<fake_cluster> cluster = std::make_shared<fake_cluster>();
  http_router routes;
  std::string type = "application/json";
  bool authorized = true;

  fixture() { add_cluster_routes(routes, cluster); }

  http_response ask(const std::string& method, const std::string& path, std::string body = {}) {
    http_request request;
    request.method = method;
    request.body = std::move(body);
    request.content_type = type;
    if (authorized) request.caller.role = troupe::auth::admin_role::admin;
    http_response answered;
    answered.status = 0;
    routes.dispatch(std::move(request), "/api/v1/cluster" + path,
                    [&](http_response response) { answered = std::move(response); });
    return answered;
  }

  /// Status and reason of an order.
  std::string refused(const std::string& path, std::string body) {
    const auto before = cluster->orders.size();
    const auto answer = ask("POST", path, std::move(body));
    CHECK(cluster->orders.size() == before);
    return std::to_string(answer.status) + " " +
           json::parse(answer.body)["message"].get<std::string>();
  }
};

}  // namespace

TEST_CASE("the cluster is shown as the node sees it") {
  fixture at;
  at.cluster->now.name = "plant";
  at.cluster->now.self = "n\xff";
  at.cluster->now.leader = "n2";
  at.cluster->now.problems = {"No majority of the cluster is in sight"};
  member_view second;
  second.name = "n2";
  second.state = "up";
  second.owned = 21;
  second.link.state = "up";
  second.link.window_bytes = 4096;
  at.cluster->now.members = {second};
  const auto answer = at.ask("GET", "");
  CHECK(answer.status == 200);
  const auto shown = json::parse(answer.body);
  CHECK(shown["name"] == "plant");
  CHECK(shown["leader"] == "n2");
  CHECK(shown["problems"].size() == 1);
  CHECK(shown["members"][0]["owned"] == 21);
  CHECK(shown["members"][0]["link"]["window_bytes"] == 4096);
}

TEST_CASE("shards are shown with owner, epoch and replicas") {
  fixture at;
  at.cluster->held = {{0, "n1", 7, {"n1", "n2"}}, {1, "", 3, {"n2"}}};
  const auto shown = json::parse(at.ask("GET", "/shards").body)["shards"];
  REQUIRE(shown.size() == 2);
  CHECK(shown[0]["replicas"] == json{"n1", "n2"});
  CHECK(shown[1]["owner"] == "");
  CHECK(shown[1]["epoch"] == 3);
}

TEST_CASE("orders reach the cluster as they were given") {
  fixture at;
  CHECK(at.ask("POST", "/join", R"({"address": "10.0.0.1:4883"})").status == 200);
  CHECK(at.ask("POST", "/leave").status == 200);
  CHECK(at.ask("POST", "/leave", R"({"node": "n2", "force": true})").status == 200);
  CHECK(at.ask("POST", "/evict", R"({"node": "n3"})").status == 200);
  CHECK(at.ask("POST", "/plan", "{}").status == 200);
  at.type = "application/json; charset=utf-8";
  const auto answer = at.ask("POST", "/plan", R"({"apply": true})");
  CHECK(json::parse(answer.body) == json{{"done", true}, {"text", "Done."}});
  const auto& orders = at.cluster->orders;
  using kind = cluster_order::kind;
  REQUIRE(orders.size() == 6);
  CHECK(orders[0].what == kind::join);
  CHECK(orders[0].address == "10.0.0.1:4883");
  CHECK(orders[1].what == kind::leave);
  CHECK(orders[1].node.empty());
  CHECK(orders[2].node == "n2");
  CHECK(orders[2].force);
  CHECK(orders[3].what == kind::evict);
  CHECK_FALSE(orders[3].force);
  CHECK(orders[4].what == kind::plan);
  CHECK_FALSE(orders[4].apply);
  CHECK(orders[5].apply);
}

TEST_CASE("what is no order is refused and does not reach the cluster") {
  fixture at;
  CHECK(at.refused("/join", "{}") ==
        "400 \"address\" is missing.");
  CHECK(at.refused("/join", R"({"address": ""})") ==
        "400 \"address\" must name a member, as in {\"address\": \"10.0.0.1:4883\"}.");
  CHECK(at.refused("/evict", "{}") ==
        "400 \"node\" is missing.");
  CHECK(at.refused("/evict", R"({"node": ""})") ==
        "400 \"node\" must name the member, as in {\"node\": \"broker-3\"}.");
  CHECK(at.refused("/evict", "nonsense") == "400 The body is not JSON.");
  CHECK(at.refused("/evict", "[]") == "400 The body must be a JSON object.");
  CHECK(at.refused("/evict", R"({"node": 3})") == "400 \"node\" must be a text.");
  CHECK(at.refused("/plan", R"({"apply": "yes"})") == "400 \"apply\" must be true or false.");
  CHECK(at.refused("/plan", R"({"node": "x"})") == "400 \"node\" has no meaning here.");
  at.type = "text/plain";
  CHECK(at.refused("/evict", R"({"node": "n3"})") ==
        "415 Send the header Content-Type: application/json.");
}

TEST_CASE("a refusal by the cluster is 409, a cluster that cannot decide 503") {
  fixture at;
  at.cluster->reply = {false, false, "Member n1 is the last one that holds data."};
  CHECK(at.ask("POST", "/evict", R"({"node": "n1"})").status == 409);
  at.cluster->reply = {false, true, "No majority of the cluster is in sight."};
  CHECK(at.ask("POST", "/evict", R"({"node": "n1"})").status == 503);
}

TEST_CASE("a node that runs alone says so, and strangers are told nothing") {
  http_router alone;
  add_cluster_routes(alone, nullptr);
  http_request request;
  request.method = "GET";
  request.caller.role = troupe::auth::admin_role::viewer;
  http_response answered;
  alone.dispatch(request, "/api/v1/cluster", [&](http_response r) { answered = std::move(r); });
  CHECK(answered.status == 404);
  CHECK(answered.body.find("runs alone") != std::string::npos);
  fixture at;
  at.authorized = false;
  CHECK(at.ask("GET", "").status == 401);
  CHECK(at.ask("POST", "/evict", R"({"node": "n1"})").status == 401);
  CHECK(at.cluster->orders.empty());
}
