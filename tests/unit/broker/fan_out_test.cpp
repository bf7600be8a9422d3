#include "tests/unit/broker/broker_rig.hpp"

#include <algorithm>
#include <map>

namespace troupe::broker {
namespace {

using namespace test;
using mqtt::qos;

struct listener {
  std::string id;
  qos level{};
  std::uint32_t subscription_id = 0;
  connect_terms terms;
  bool stays = true;  // connected all the time
};

/// A topic and a QoS: what order is promised for [MQTT-4.6.0-6].
using stream = std::pair<std::string, qos>;

/// What a listener heard of what was said, in order.
std::vector<int> heard(const simulated_client& c, const std::vector<int>& said) {
  std::vector<int> all;
  for (const auto& m : c.received) {
    const auto number = std::stoi(m.payload);
    if (std::binary_search(said.begin(), said.end(), number)) all.push_back(number);
  }
  return all;
}

}  // namespace

// Many receivers on plain terms share one list and one encoding; others of the
// same topic, and messages of other kinds in the same batch, do not.
TEST_CASE("a fan-out reaches everybody once and in order", "[broker][fan-out]") {
  const auto seed = GENERATE(range(1, 101));
  CAPTURE(seed);
  broker_rig rig(static_cast<std::uint64_t>(seed));
  auto& random = rig.random;
  const auto chance = [&](unsigned of) { return random() % of == 0; };

  std::vector<listener> listeners;
  for (int i = 0; i < 6; ++i) {
    listener l{"plain " + std::to_string(i), static_cast<qos>(random() % 3), 0, {}, true};
    l.terms.loop = static_cast<unsigned>(random() % broker_rig::loops);
    listeners.push_back(l);
  }
  if (chance(2)) listeners.push_back({"numbered", qos::at_least_once, 7, {}, true});
  if (chance(2)) listeners.push_back({"durable", qos::at_least_once, 0, {true, 100}, true});
  if (chance(2)) listeners.push_back({"restless", qos::at_least_once, 0, {}, false});
  for (const auto& l : listeners)
    rig.connected(l.id, l.terms).subscribe(chance(4) ? "f/#" : "f/+", l.level, l.subscription_id);
  rig.run();

  auto& publisher = rig.connected("publisher", {true, 0, 65535, 1});
  std::map<stream, std::vector<int>> said;
  int number = 0;
  for (int batch = 0; batch < 12; ++batch) {
    publisher.together([&] {
      for (auto n = 1 + random() % 5; n > 0; --n) {
        const std::string topic = chance(4) ? "f/b" : "f/a";
        const auto level = static_cast<qos>(chance(3) ? random() % 3 : 1);
        publisher.publish(topic, std::to_string(++number), level, chance(9));
        said[{topic, level}].push_back(number);
      }
    });
    if (chance(3) && listeners.back().id == "restless") {
      // A session that is durable from now on, though the routes are the same.
      rig.client("restless").connect({false, chance(2) ? 100U : 0U, 65535, 0});
    }
    rig.run_some();
  }
  rig.run();

  for (const auto& l : listeners) {
    CAPTURE(l.id, l.level);
    auto& c = rig.client(l.id);
    for (const auto& [stream, numbers] : said) {
      CAPTURE(stream.first, stream.second);
      const auto got = heard(c, numbers);
      if (l.stays)
        CHECK(got == numbers);
      else
        CHECK(std::is_sorted(got.begin(), got.end()));
    }
    for (const auto& m : c.received) {
      CHECK(m.level <= l.level);
      CHECK(m.subscription_ids.size() == (l.subscription_id != 0 ? 1U : 0U));
    }
  }
  CHECK(publisher.sending() == 0);
}

}  // namespace troupe::broker
