#include "tools/troupe-bench/engine/subscriber.hpp"
#include "tools/troupe-bench/scenario/course.hpp"
#include "tools/troupe-bench/scenario/publishing.hpp"
#include "tools/troupe-bench/scenario/scenarios.hpp"

namespace troupe::bench {
namespace {

/// Numbers that a group ledger tells apart; a window of every publisher fits in many times.
constexpr std::uint64_t remembered = 1U << 17;

class traffic final : public course {
 public:
  explicit traffic(const options& given) : course(given), publishing_(workers(), given, plan()) {}

 private:
  std::string perform() override;
  std::string clear() override;
  void check() override;

  std::string connect();
  std::string measure_time();
  std::string measure_messages();
  void await_the_last();
  void make_subscribers();
  void make_publishers();
  bool durable() const { return given().expiry > 0; }
  std::string topic_of(std::uint32_t publisher) const {
    return given().run == scenario::fan_out ? topic() : topic() + "/" + std::to_string(publisher);
  }
  std::uint32_t receivers() const {
    return given().run == scenario::fan_out ? given().subscribers : 1;
  }

  publishing publishing_;
  std::unique_ptr<group_ledger> group_;
  std::vector<std::unique_ptr<subscriber>> subscribers_;
};

std::string traffic::perform() {
  result().latency_of = given().rate > 0 ? "latency" : "transit";
  publishing_.expect(receivers());
  for (std::uint32_t i = 0; i < given().publishers; ++i)
    publishing_.limit(i, share_of(given().messages, given().publishers, i));
  // Those of a run that was cut short would get its messages now.
  if (durable()) {
    if (auto error = forget("sub", given().subscribers); !error.empty()) return error;
  }
  make_subscribers();
  make_publishers();
  auto error = connect();
  if (error.empty()) error = given().messages > 0 ? measure_messages() : measure_time();
  plan().publishing.store(false);
  if (workers().faults().count() == 0) await_the_last();
  return error;
}

void traffic::make_subscribers() {
  if (given().run == scenario::shared)
    group_ = std::make_unique<group_ledger>(given().publishers, remembered);
  for (std::uint32_t i = 0; i < given().subscribers; ++i) {
    expected_messages expected{0, given().publishers, group_.get()};
    std::string filter = topic() + "/+";
    if (given().run == scenario::fan_out) filter = topic();
    if (given().run == scenario::shared) filter = "$share/bench/" + topic() + "/+";
    if (given().run == scenario::pairs) {
      filter = topic_of(i);
      expected = {i, 1, nullptr};
    }
    subscribers_.push_back(
        std::make_unique<subscriber>(workers().of(i), workers().how(),
                                     terms("sub", i, workers().subscribe_endpoint(i), durable()),
                                     plan(), publishing_.flows(), std::move(filter), expected));
  }
}

void traffic::make_publishers() {
  std::vector<client_terms> all;
  for (std::uint32_t i = 0; i < given().publishers; ++i) {
    all.push_back(terms("pub", i, workers().publish_endpoint(i), false));
    all.back().source = workers().source(given().subscribers + i);
  }
  publishing_.make(
      all, {.topic = [this](std::uint32_t i) { return topic_of(i); }, .payload = given().payload});
}

std::string traffic::connect() {
  auto error = open("subscribers connect", clients_of(subscribers_));
  if (error.empty()) error = open("publishers connect", clients_of(publishing_.all()));
  if (error.empty()) error = workers().pause(given().settle, "subscriptions settle");
  return error;
}

std::string traffic::measure_time() {
  publishing_.start();
  if (auto error = workers().pause(given().warm_up, "warming up"); !error.empty()) return error;
  return timed("exchange", "messages", &crew_totals::received, latency::measured,
               [this] { return workers().pause(given().seconds, "measuring"); });
}

std::string traffic::measure_messages() {
  return timed("exchange", "messages", &crew_totals::received, latency::measured, [this] {
    publishing_.start();
    const auto wanted = given().messages * receivers();
    return workers().wait(
        "messages are exchanged", [&](const crew_totals& t) { return t.received >= wanted; },
        [](const crew_totals& t) { return t.received + t.acked; });
  });
}

void traffic::await_the_last() {
  // What is under way still comes; who waits longer than the stall time has lost it,
  // which the check tells.
  const auto all_here = [this](const crew_totals& t) {
    return t.received >= t.sent * receivers() && (given().qos == 0 || t.acked >= t.sent);
  };
  (void)workers().wait("the last messages come", all_here,
                       [](const crew_totals& t) { return t.received + t.acked + t.sent; });
}

std::string traffic::clear() {
  leave(clients_of(publishing_.all()));
  leave(clients_of(subscribers_));
  return durable() ? forget("sub", given().subscribers) : std::string();
}

void traffic::check() {
  result().expected = result().sent * receivers();
  const auto& publishers = publishing_.all();
  if (group_) {
    for (std::size_t i = 0; i < publishers.size(); ++i)
      result().count(group_->of(i), publishers[i]->sent());
    return;
  }
  for (const auto& each : subscribers_) {
    const auto& expected = each->expected();
    for (std::uint32_t i = 0; i < expected.count; ++i)
      result().count(each->of(i), publishers[expected.first + i]->sent());
  }
}

}  // namespace

report run_traffic(const options& given) {
  return traffic(given).run();
}

}  // namespace troupe::bench
