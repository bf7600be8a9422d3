#include "actors/broker/inspect/inspector.hpp"

#include "tests/unit/broker/broker_rig.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>

using namespace troupe::broker;
using namespace troupe::broker::test;
using nlohmann::json;
using troupe::observe::admin_answer;
using troupe::observe::admin_question;

namespace {

/// Asks, and has the node work until it answers.
admin_answer ask(broker_rig& rig, inspector& node, admin_question question) {
  std::optional<admin_answer> answer;
  node.answer(std::move(question), [&](admin_answer given) { answer = std::move(given); });
  rig.run();
  REQUIRE(answer);
  return *answer;
}

admin_question question(std::string what,
                        std::map<std::string, std::string, std::less<>> terms = {},
                        std::uint32_t limit = 1'000) {
  admin_question q;
  q.what = std::move(what);
  q.terms = std::move(terms);
  q.limit = limit;
  return q;
}

json row(const admin_answer& answer, std::size_t at = 0) {
  REQUIRE(answer.rows.size() > at);
  return json::parse(answer.rows[at].json);
}

std::set<std::string> ids(const admin_answer& answer) {
  std::set<std::string> all;
  for (const auto& each : answer.rows) all.insert(json::parse(each.json)["clientid"]);
  return all;
}

}  // namespace

TEST_CASE("clients are listed with what they are, connected or not", "[inspect]") {
  broker_rig rig;
  inspector node(rig.context(), "n1");
  auto& keeps = rig.connected("keeps", {true, 600});
  keeps.subscribe("a/+", troupe::mqtt::qos::at_least_once);
  rig.connected("clean");
  rig.run();
  keeps.cut();
  rig.run();
  rig.client("clean").publish("a/b", "1", troupe::mqtt::qos::at_least_once);
  rig.run();

  CHECK(ids(ask(rig, node, question("clients"))) == std::set<std::string>{"clean", "keeps"});
  CHECK(ids(ask(rig, node, question("clients", {{"conn_state", "connected"}}))) ==
        std::set<std::string>{"clean"});
  CHECK(ids(ask(rig, node, question("clients", {{"queue_min", "1"}}))) ==
        std::set<std::string>{"keeps"});
  CHECK(ids(ask(rig, node, question("clients", {{"prefix", "ke"}}))) ==
        std::set<std::string>{"keeps"});
  CHECK(ids(ask(rig, node, question("clients", {{"like_clientid", "ea"}}))) ==
        std::set<std::string>{"clean"});
  CHECK(ids(ask(rig, node, question("clients", {{"clientid", "clean"}}))) ==
        std::set<std::string>{"clean"});
  CHECK(ids(ask(rig, node, question("clients", {{"clientid", "nobody"}}))).empty());

  auto offline = row(ask(rig, node, question("client", {{"clientid", "keeps"}})));
  CHECK(offline["connected"] == false);
  CHECK(offline["asleep"] == false);
  CHECK(offline["mqueue_len"] == 1);
  CHECK(offline["subscriptions"][0]["topic"] == "a/+");
  CHECK(offline["last_disconnect"].is_object());
  CHECK(offline["waits_for"] == "its client to come back");

  // On disk alone it is told from the directory.
  rig.advance(rig.limits->passivation_delay_ms + 1'000);
  auto asleep = row(ask(rig, node, question("client", {{"clientid", "keeps"}})));
  CHECK(asleep["asleep"] == true);
  CHECK(asleep["actor"].is_null());
  CHECK(asleep["mqueue_len"] == 1);
  CHECK(asleep["subscriptions"] == offline["subscriptions"]);
  CHECK(asleep["last_disconnect"] == offline["last_disconnect"]);

  auto online = row(ask(rig, node, question("client", {{"clientid", "clean"}})));
  CHECK(online["connected"] == true);
  CHECK(online["counters"]["received"]["qos1"] == 1);
  CHECK(online["last_disconnect"].is_null());
  CHECK(ask(rig, node, question("client", {{"clientid", "nobody"}})).status == 404);
  CHECK(ask(rig, node, question("color")).status == 501);
}

TEST_CASE("who is there all the while is in exactly one page, while others come and go",
          "[inspect]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    broker_rig rig(seed);
    inspector node(rig.context(), "n1");
    std::set<std::string> stay;
    for (int i = 0; i < 120; ++i) {
      const auto id = "stay" + std::to_string(i);
      rig.client(id).connect({true, 600, 65535, static_cast<unsigned>(i % 2)});
      if (i % 10 == 0) rig.run();
      stay.insert(id);
    }
    rig.run();
    std::map<std::string, int> seen;
    auto wanted = question("clients", {}, 17);
    std::optional<admin_answer> answer;
    for (int page = 0;; ++page) {
      REQUIRE(page < 100);
      answer.reset();
      node.answer(wanted, [&](admin_answer given) { answer = std::move(given); });
      // They reconnect on the other loop, and new ones come, in the middle of the walk.
      for (int step = 0; !answer; ++step) {
        REQUIRE(step < 10'000);
        const auto i = rig.random() % 120;
        const auto id = "stay" + std::to_string(i);
        if (step % 5 == 0)
          rig.client(id).connect({false, 600, 65535, static_cast<unsigned>(step % 2)});
        if (step % 7 == 0) rig.client("come" + std::to_string(step)).connect();
        rig.run_some();
      }
      REQUIRE(answer->status == 200);
      CHECK(answer->rows.size() <= 17);
      for (const auto& id : ids(*answer)) ++seen[id];
      if (!answer->more) break;
      wanted.after = answer->rows.back().key;
    }
    for (const auto& id : stay) {
      INFO(id << " with seed " << seed);
      CHECK(seen[id] == 1);
    }
    for (const auto& [id, times] : seen) CHECK(times == 1);
  }
}

TEST_CASE("actors are listed by what they do", "[inspect]") {
  broker_rig rig;
  inspector node(rig.context(), "n1");
  rig.connected("busy");
  rig.connected("idle");
  for (int i = 0; i < 50; ++i) {
    rig.client("busy").publish("t", "x", troupe::mqtt::qos::at_most_once);
    rig.run();
  }
  const auto all = ask(rig, node, question("actors"));
  std::map<std::string, int> kinds;
  for (std::size_t i = 0; i < all.rows.size(); ++i) ++kinds[row(all, i)["kind"]];
  CHECK(kinds["session"] == 2);
  CHECK(kinds["session_shard"] == broker_rig::shards);
  CHECK(kinds["topic_shard"] == broker_rig::shards);
  CHECK(kinds["wildcard_index"] == 1);

  const auto top =
      ask(rig, node, question("actors", {{"kind", "session"}, {"sort", "messages"}}, 1));
  CHECK(top.more);
  const auto first = row(top);
  CHECK(first["serves"] == "busy");
  CHECK(first["messages"] >= 50);
  CHECK(first["memory"] > 500);
  CHECK(first["node"] == "n1");
  const std::string id = first["id"];
  CHECK(row(ask(rig, node, question("actor", {{"id", id.substr(0, id.find('@'))}})))["serves"] ==
        "busy");
  CHECK(ask(rig, node, question("actor", {{"id", "999999"}})).status == 404);
  CHECK(ask(rig, node, question("actors", {{"serves", "shard 3"}})).rows.size() == 2);

  const auto tree = row(ask(rig, node, question("actor_tree")));
  std::uint64_t sessions = 0;
  for (const auto& loop : tree["loops"])
    for (const auto& each : loop["actors"])
      if (each["kind"] == "session") sessions += each["count"].get<std::uint64_t>();
  CHECK(sessions == 2);
}

TEST_CASE("a client is kicked and keeps its session; a session is discarded for good",
          "[inspect]") {
  broker_rig rig;
  inspector node(rig.context(), "n1");
  auto& c = rig.connected("c", {true, 600});
  c.subscribe("q", troupe::mqtt::qos::at_least_once);
  rig.run();
  CHECK(ask(rig, node, question("kick", {{"clientid", "nobody"}})).status == 404);
  CHECK(ask(rig, node, question("kick", {{"clientid", "c"}})).status == 204);
  CHECK_FALSE(c.open);
  CHECK(c.ended_with == troupe::mqtt::reason_code::administrative_action);
  CHECK(ask(rig, node, question("kick", {{"clientid", "c"}})).status == 404);
  c.connect({false, 600});
  rig.run();
  CHECK(c.present == true);

  SECTION("awake, with its client") {}
  SECTION("awake, without") {
    c.cut();
    rig.run();
  }
  SECTION("asleep") {
    c.cut();
    rig.run();
    rig.advance(rig.limits->passivation_delay_ms + 1'000);
    CHECK(row(ask(rig, node, question("client", {{"clientid", "c"}})))["asleep"] == true);
  }
  SECTION("asleep, in a shared group") {
    c.subscribe("$share/g/s", troupe::mqtt::qos::at_least_once);
    rig.run();
    c.cut();
    rig.run();
    rig.advance(rig.limits->passivation_delay_ms + 1'000);
  }
  CHECK(ask(rig, node, question("discard", {{"clientid", "c"}})).status == 204);
  CHECK(ask(rig, node, question("client", {{"clientid", "c"}})).status == 404);
  CHECK(ask(rig, node, question("discard", {{"clientid", "c"}})).status == 404);
  CHECK(rig.context().sessions.load() == 0);
  CHECK(rig.context().subscriptions.load() == 0);
  c.connect({false, 600});
  rig.run();
  CHECK(c.present == false);
}

TEST_CASE("subscriptions are found by filter, topic and group", "[inspect]") {
  broker_rig rig;
  inspector node(rig.context(), "n1");
  auto& c = rig.connected("c", {true, 600});
  c.subscribe("a/+", troupe::mqtt::qos::at_least_once);
  c.subscribe("$share/g/a/#", troupe::mqtt::qos::at_most_once);
  rig.connected("d").subscribe("a/b", troupe::mqtt::qos::exactly_once);
  rig.run();
  c.cut();
  rig.advance(rig.limits->passivation_delay_ms + 1'000);
  const auto found = [&](std::map<std::string, std::string, std::less<>> terms) {
    std::set<std::string> all;
    const auto answer = ask(rig, node, question("subscriptions", std::move(terms)));
    for (std::size_t i = 0; i < answer.rows.size(); ++i)
      all.insert(row(answer, i)["clientid"].get<std::string>() + ":" +
                 row(answer, i)["topic"].get<std::string>());
    return all;
  };
  using set = std::set<std::string>;
  CHECK(found({}) == set{"c:a/+", "c:$share/g/a/#", "d:a/b"});
  CHECK(found({{"match_topic", "a/b"}}) == set{"c:a/+", "c:$share/g/a/#", "d:a/b"});
  CHECK(found({{"match_topic", "a/b/c"}}) == set{"c:$share/g/a/#"});
  CHECK(found({{"topic", "a/b"}}) == set{"d:a/b"});
  CHECK(found({{"share", "g"}}) == set{"c:$share/g/a/#"});
  CHECK(found({{"clientid", "c"}, {"qos", "1"}}) == set{"c:a/+"});
}

TEST_CASE("retained messages are listed, shown and erased", "[inspect]") {
  broker_rig rig;
  inspector node(rig.context(), "n1");
  auto& c = rig.connected("c");
  for (int i = 0; i < 25; ++i)
    c.publish("r/" + std::to_string(i), "payload", troupe::mqtt::qos::at_least_once, true);
  rig.run();
  std::set<std::string> topics;
  auto wanted = question("retained", {{"topic", "r/+"}}, 7);
  for (int pages = 0;; ++pages) {
    REQUIRE(pages < 10);
    const auto page = ask(rig, node, wanted);
    REQUIRE(page.status == 200);
    for (std::size_t i = 0; i < page.rows.size(); ++i)
      CHECK(topics.insert(row(page, i)["topic"]).second);
    if (!page.more) break;
    wanted.after = page.rows.back().key;
  }
  CHECK(topics.size() == 25);
  CHECK(row(ask(rig, node, question("retained_one", {{"topic", "r/3"}})))["payload"] ==
        "cGF5bG9hZA==");
  CHECK(ask(rig, node, question("retained_erase", {{"topic", "r/3"}})).status == 204);
  CHECK(ask(rig, node, question("retained_one", {{"topic", "r/3"}})).status == 404);
  CHECK(ask(rig, node, question("retained_erase", {{"topic", "r/3"}})).status == 404);
  CHECK(ask(rig, node, question("retained_one", {{"topic", "r/#"}})).status == 404);
  CHECK(ask(rig, node, question("retained", {{"topic", "a/#/b"}})).status == 400);
  CHECK(ask(rig, node, question("retained", {{"topic", "r/#"}})).rows.size() == 24);
}
