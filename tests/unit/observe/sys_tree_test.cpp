#include "actors/observe/sys_tree.hpp"

#include "tests/support/catch.hpp"

#include <cmath>
#include <string>

using namespace troupe::observe;

namespace {

snapshot figures(double uptime) {
  snapshot now;
  now.node = "n1/+";
  now.version = "0.1.0";
  now.uptime_seconds = uptime;
  now.sessions = 10;
  now.sessions_connected = 4;
  now.sessions_connected_maximum = 6;
  now.subscriptions = 12;
  now.subscriptions_shared = 2;
  now.retained = 3;
  now.queued_messages = 5;
  now.owed_backlog_bytes = 99;
  return now;
}

bool near(double have, double want) {
  return std::abs(have - want) < want / 1000;
}

}  // namespace

TEST_CASE("the tree has Mosquitto's topics") {
  counter_values counters{};
  counters[index(counter::packets_received_connect)] = 2;
  counters[index(counter::packets_received_publish)] = 40;
  counters[index(counter::messages_received_qos0)] = 30;
  counters[index(counter::messages_received_qos2)] = 10;
  counters[index(counter::messages_dropped_expired)] = 2;
  counters[index(counter::messages_dropped_no_subscribers)] = 100;
  counters[index(counter::message_bytes_received)] = 777;
  process_figures process;
  process.resident_bytes = 1000;
  process.resident_peak_bytes = 2000;

  sys_tree tree;
  tree.update(figures(11.9), counters, process);
  const std::map<std::string, std::string> golden{
      {"$SYS/broker/version", "troupe version 0.1.0"},
      {"$SYS/broker/uptime", "11 seconds"},
      {"$SYS/broker/clients/connected", "4"},
      {"$SYS/broker/clients/disconnected", "6"},
      {"$SYS/broker/clients/total", "10"},
      {"$SYS/broker/clients/maximum", "6"},
      {"$SYS/broker/clients/expired", "0"},
      {"$SYS/broker/messages/received", "42"},
      {"$SYS/broker/messages/sent", "0"},
      {"$SYS/broker/messages/stored", "8"},
      {"$SYS/broker/publish/messages/received", "40"},
      {"$SYS/broker/publish/messages/sent", "0"},
      {"$SYS/broker/publish/messages/dropped", "2"},
      {"$SYS/broker/publish/bytes/received", "777"},
      {"$SYS/broker/publish/bytes/sent", "0"},
      {"$SYS/broker/bytes/received", "0"},
      {"$SYS/broker/bytes/sent", "0"},
      {"$SYS/broker/subscriptions/count", "12"},
      {"$SYS/broker/shared_subscriptions/count", "2"},
      {"$SYS/broker/retained messages/count", "3"},
      {"$SYS/broker/store/messages/count", "8"},
      {"$SYS/broker/store/messages/bytes", "99"},
      {"$SYS/broker/heap/current", "1000"},
      {"$SYS/broker/heap/maximum", "2000"},
  };
  std::size_t found = 0;
  for (const auto& [topic, value] : tree.values()) {
    if (!topic.starts_with("$SYS/broker/") || topic.starts_with("$SYS/broker/load/")) continue;
    INFO(topic);
    REQUIRE(golden.contains(topic));
    CHECK(value == golden.at(topic));
    ++found;
  }
  CHECK(found == golden.size());
  CHECK(tree.values().at("$SYS/brokers/n1__/version") == "0.1.0");
  CHECK(tree.values().at("$SYS/brokers/n1__/uptime") == "11");
  CHECK(tree.values().at("$SYS/brokers/n1__/metrics/messages_dropped/expired") == "2");
  CHECK(tree.values().at("$SYS/broker/load/connections/1min").find('.') != std::string::npos);
}

TEST_CASE("only what changed comes out again") {
  sys_tree tree;
  counter_values counters{};
  const auto all = tree.update(figures(10), counters, {});
  CHECK(all.size() == tree.values().size());
  CHECK(tree.update(figures(10), counters, {}).empty());
  counters[index(counter::bytes_sent)] = 5;
  const auto changed = tree.update(figures(10), counters, {});
  const std::vector<sys_value> expected{{"$SYS/broker/bytes/sent", "5"},
                                        {"$SYS/brokers/n1__/metrics/bytes_sent", "5"}};
  CHECK(changed == expected);
}

TEST_CASE("more connected than counted sessions is no negative number") {
  sys_tree tree;
  auto now = figures(1);
  now.sessions = 3;
  tree.update(now, counter_values{}, {});
  CHECK(tree.values().at("$SYS/broker/clients/disconnected") == "0");
}

TEST_CASE("loads are per minute and fade with their span") {
  load_average load;
  load.update(100, 10);
  for (const double each : load.per_minute()) CHECK(near(each, 600));
  load.update(100, 60);
  CHECK(near(load.per_minute()[0], 600 * std::exp(-1.0)));
  CHECK(near(load.per_minute()[1], 600 * std::exp(-0.2)));
  CHECK(near(load.per_minute()[2], 600 * std::exp(-60.0 / 900)));
  for (int i = 0; i < 1000; ++i) load.update(100 + 10 * (i + 1), 10);
  for (const double each : load.per_minute()) CHECK(near(each, 60));
  load.update(0, 0);  // no time passed: nothing happens
  CHECK(near(load.per_minute()[0], 60));
}
