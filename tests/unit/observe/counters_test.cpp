#include "actors/observe/counters.hpp"

#include "tests/support/catch.hpp"

#include <set>
#include <string>
#include <thread>

using namespace troupe::observe;

TEST_CASE("counters add up over run loops and other threads") {
  counter_set counters(2);
  REQUIRE(counters.run_loops() == 2);
  std::thread first([&] {
    for (int i = 0; i < 1000; ++i) counters.block(0).add(counter::bytes_received, 3);
  });
  std::thread second([&] {
    for (int i = 0; i < 1000; ++i) counters.block(1).add(counter::bytes_received);
  });
  const auto share = [&] {
    for (int i = 0; i < 1000; ++i) counters.shared_block().add_shared(counter::bytes_received, 2);
  };
  std::thread third(share);
  std::thread fourth(share);
  for (auto* const thread : {&first, &second, &third, &fourth}) thread->join();
  CHECK(counters.block(0).get(counter::bytes_received) == 3000);
  CHECK(counters.sum(counter::bytes_received) == 8000);
  CHECK(counters.totals()[index(counter::bytes_received)] == 8000);
  CHECK(counters.sum(counter::bytes_sent) == 0);
}

TEST_CASE("the counter table names each series once and keeps a metric's rows together") {
  std::set<std::string> series;
  std::set<std::string> finished;
  std::string metric;
  for (const auto& row : counter_table) {
    CHECK(series.insert(std::string(row.metric) + "/" + std::string(row.value)).second);
    CHECK(row.key.empty() == row.value.empty());
    CHECK_FALSE(row.help.empty());
    if (row.metric == metric) continue;
    CHECK(finished.insert(metric).second);
    metric = row.metric;
    CHECK_FALSE(finished.contains(metric));
  }
}

TEST_CASE("packet types and QoS name their counters, out-of-range ones included") {
  CHECK(packets_received(3) == counter::packets_received_publish);
  CHECK(packets_sent(4) == counter::packets_sent_puback);
  CHECK(packets_received(0) == counter::packets_received_connect);
  CHECK(packets_received(16 + 14) == counter::packets_received_disconnect);
  CHECK(messages_sent(7) == counter::messages_sent_qos2);
  CHECK(alignof(counter_block) == 64);
}
