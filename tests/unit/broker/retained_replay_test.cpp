#include "tests/unit/broker/broker_rig.hpp"

namespace troupe::broker {
namespace {

using namespace test;
using mqtt::qos;

std::vector<std::string> heard(const simulated_client& c) {
  std::vector<std::string> all;
  for (const auto& m : c.received) all.push_back((m.retain ? "retained " : "live ") + m.payload);
  return all;
}

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a retained message that came as a live one does not come again", "[broker][retained]") {
  const auto filter = GENERATE(std::string("m/kept"), std::string("m/#"));
  const auto level = GENERATE(qos::at_most_once, qos::at_least_once);
  const auto expiry = GENERATE(0U, 100U);
  broker_rig rig;
  auto& publisher = rig.connected("publisher");
  publisher.publish("m/kept", "before", qos::at_least_once, true);
  publisher.publish("m/other", "other", qos::at_least_once, true);
  rig.run();
  auto& reader = rig.connected("reader", {true, expiry});

  reader.subscribe(filter, level);
  // The store is slow with the retained messages, not with the messages.
  while (reader.subacks.empty()) rig.run_some();
  publisher.publish("m/kept", "after", qos::at_least_once, true);
  rig.run();
  strings kept;
  for (const auto& text : heard(reader))
    if (text != "retained other") kept.push_back(text);
  // Whether the one before came first is a matter of time.
  if (kept.front() == "retained before") kept.erase(kept.begin());
  CHECK(kept == strings{"live after"});
}

TEST_CASE("whatever the interleaving, a retained message comes once and never after a newer one",
          "[broker][retained]") {
  const auto seed = GENERATE(range(1, 151));
  CAPTURE(seed);
  broker_rig rig(static_cast<std::uint64_t>(seed));
  auto& random = rig.random;
  auto& publisher = rig.connected("publisher", {true, 0, 65535, 1});
  const auto expiry = random() % 2 == 0 ? 0U : 100U;
  auto& reader = rig.connected("reader", {true, expiry});
  const auto level = random() % 2 == 0 ? qos::at_most_once : qos::at_least_once;
  const strings filters{"m/a", "m/#", "#", "+/a"};
  const auto filter = filters[random() % filters.size()];
  const auto sent = random() % 2 == 0 ? qos::at_most_once : qos::at_least_once;
  CAPTURE(filter, level, expiry);

  int number = 0;
  const auto publish = [&] { publisher.publish("m/a", std::to_string(++number), sent, true); };
  for (auto n = random() % 3; n > 0; --n) publish();
  for (auto n = random() % 30; n > 0; --n) rig.run_some();
  reader.subscribe(filter, level);
  const int sure = number + 1;  // from here on all must come
  for (auto n = random() % 6; n > 0; --n) {
    for (auto steps = random() % 6; steps > 0; --steps) rig.run_some();
    publish();
  }
  while (reader.subacks.empty()) rig.run_some();
  const int live = number + 1;  // published after the SUBACK
  for (auto n = random() % 4; n > 0; --n) {
    publish();
    for (auto steps = random() % 6; steps > 0; --steps) rig.run_some();
  }
  rig.run();
  CAPTURE(sure, live, number, heard(reader));
  int last = 0;
  for (const auto& m : reader.received) {
    CHECK(std::stoi(m.payload) > last);
    last = std::stoi(m.payload);
    if (last >= live) CHECK_FALSE(m.retain);
  }
  if (number > 0) CHECK(last == number);
  int count = 0;
  for (const auto& m : reader.received) count += std::stoi(m.payload) >= live ? 1 : 0;
  CHECK(count == number - live + 1);
}

}  // namespace troupe::broker
