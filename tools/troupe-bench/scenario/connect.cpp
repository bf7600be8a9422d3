#include "tools/troupe-bench/engine/clock.hpp"
#include "tools/troupe-bench/engine/turnstile.hpp"
#include "tools/troupe-bench/scenario/course.hpp"
#include "tools/troupe-bench/scenario/scenarios.hpp"

#include <algorithm>

namespace troupe::bench {
namespace {

class connect final : public course {
 public:
  using course::course;

 private:
  std::string perform() override;
  std::string clear() override;

  void make_turnstiles();
  void start();
  std::string count_connections();
  std::string count_for_a_time();

  visit_plan visits_;
  std::vector<std::unique_ptr<turnstile>> turnstiles_;  // by worker
};

std::string connect::perform() {
  result().latency_of = "CONNACK";
  plan().latency = latency_of::connection;
  if (given().messages > 0) visits_.limit = given().messages;
  visits_.hold = given().hold;
  visits_.at_a_time = std::max(1U, given().concurrency / given().threads);
  visits_.terms = [this](std::uint64_t number) {
    const auto id = static_cast<std::uint32_t>(number);
    return terms("visit", id, workers().subscribe_endpoint(id), false);
  };
  make_turnstiles();
  return given().messages > 0 ? count_connections() : count_for_a_time();
}

void connect::make_turnstiles() {
  std::vector<paced*> all;
  for (const auto& each : workers().workers()) {
    turnstiles_.push_back(std::make_unique<turnstile>(*each, workers().how(), plan(), visits_));
    all.push_back(turnstiles_.back().get());
  }
  if (!plan().open_loop) return;
  const auto count = static_cast<std::uint32_t>(all.size());
  workers().everywhere([&](worker& w) {
    w.pace_these(all);
    w.pace(pacer(given().rate, count, {static_cast<std::uint32_t>(w.index())}));
  });
}

void connect::start() {
  // A moment ahead, so that all workers begin together.
  const auto at = now_ns() + 1'000'000;
  workers().everywhere([&](worker& w) {
    w.begin(at);
    if (!plan().open_loop) turnstiles_[w.index()]->begin();
  });
}

std::string connect::count_connections() {
  auto error = timed("connect", "connections", &crew_totals::connected, latency::measured, [this] {
    start();
    return reach("connections are made", &crew_totals::ready, given().messages);
  });
  if (given().hold) weigh(given().messages);
  return error;
}

std::string connect::count_for_a_time() {
  start();
  if (auto error = workers().pause(given().warm_up, "warming up"); !error.empty()) return error;
  return timed("connect", "connections", &crew_totals::connected, latency::measured,
               [this] { return workers().pause(given().seconds, "measuring"); });
}

std::string connect::clear() {
  visits_.going.store(false);
  std::string error;
  // A connection that failed would be waited for in vain.
  if (workers().faults().count() == 0) {
    error = workers().wait(
        "the last connections are made",
        [](const crew_totals& t) { return t.connected >= t.begun; },
        [](const crew_totals& t) { return t.connected; });
  }
  workers().everywhere([this](worker& w) { turnstiles_[w.index()]->empty(); });
  return error;
}

}  // namespace

report run_connect(const options& given) {
  return connect(given).run();
}

}  // namespace troupe::bench
