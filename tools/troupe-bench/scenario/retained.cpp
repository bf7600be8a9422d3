#include "tools/troupe-bench/engine/subscriber.hpp"
#include "tools/troupe-bench/scenario/course.hpp"
#include "tools/troupe-bench/scenario/publishing.hpp"
#include "tools/troupe-bench/scenario/scenarios.hpp"

namespace troupe::bench {
namespace {

class retained final : public course {
 public:
  explicit retained(const options& given)
      : course(given), setting_(workers(), given, plan()), clearing_(workers(), given, plan()) {}

 private:
  std::string perform() override;
  std::string clear() override;
  void check() override;

  std::string publish(publishing& by, std::uint32_t payload, const std::string& phase);
  std::string deliver();
  std::uint64_t share(std::uint32_t publisher) const {
    return share_of(given().messages, given().publishers, publisher);
  }

  publishing setting_;
  publishing clearing_;
  std::vector<std::unique_ptr<group_ledger>> ledgers_;  // by subscriber
  std::vector<std::unique_ptr<subscriber>> subscribers_;
  bool set_ = false;  // something is
};

std::string retained::perform() {
  result().latency_of = "delivery";
  plan().latency = latency_of::backlog;
  plan().credits = false;  // nobody receives while messages are set
  if (auto error = publish(setting_, given().payload, "set"); !error.empty()) return error;
  return deliver();
}

std::string retained::publish(publishing& by, std::uint32_t payload, const std::string& phase) {
  std::vector<client_terms> all;
  for (std::uint32_t i = 0; i < given().publishers; ++i) {
    by.limit(i, share(i));
    all.push_back(terms(phase, i, workers().publish_endpoint(i), false));
  }
  by.make(all, {.topic = [this](std::uint32_t i) { return topic() + "/" + std::to_string(i); },
                .numbered = true,
                .retain = true,
                .payload = payload});
  if (auto error = open("publishers connect", clients_of(by.all())); !error.empty()) return error;
  const auto acked = workers().totals().acked;
  set_ = true;
  auto error = timed(phase, "messages", &crew_totals::acked, latency::ignored, [&] {
    by.start();
    return reach("it is to " + phase + " retained messages", &crew_totals::acked,
                 acked + given().messages);
  });
  plan().publishing.store(false);
  leave(clients_of(by.all()));
  return error;
}

std::string retained::deliver() {
  for (std::uint32_t i = 0; i < given().subscribers; ++i) {
    // In any order, as no rule says in which retained messages come.
    ledgers_.push_back(std::make_unique<group_ledger>(given().publishers, share(0) + 1));
    subscribers_.push_back(std::make_unique<subscriber>(
        workers().of(i), workers().how(), terms("sub", i, workers().subscribe_endpoint(i), false),
        plan(), setting_.flows(), topic() + "/#",
        expected_messages{0, given().publishers, ledgers_.back().get(), true}));
  }
  auto error = timed("deliver", "messages", &crew_totals::received, latency::measured, [this] {
    workers().open(clients_of(subscribers_));
    return reach("retained messages are delivered", &crew_totals::received,
                 given().messages * given().subscribers);
  });
  return error.empty() ? workers().pause(moment, "more comes than was set") : error;
}

std::string retained::clear() {
  leave(clients_of(setting_.all()));
  leave(clients_of(subscribers_));
  return set_ ? publish(clearing_, 0, "clear") : std::string();
}

void retained::check() {
  result().expected = given().messages * ledgers_.size();
  for (const auto& each : ledgers_) {
    for (std::uint32_t i = 0; i < given().publishers; ++i) result().count(each->of(i), share(i));
  }
}

}  // namespace

report run_retained(const options& given) {
  return retained(given).run();
}

}  // namespace troupe::bench
