#include "tools/troupe-bench/engine/guest.hpp"
#include "tools/troupe-bench/scenario/course.hpp"
#include "tools/troupe-bench/scenario/scenarios.hpp"

namespace troupe::bench {
namespace {

class idle final : public course {
 public:
  using course::course;

 private:
  std::string perform() override;
  std::string clear() override;

  std::vector<std::unique_ptr<guest>> guests_;
};

std::string idle::perform() {
  result().latency_of = "CONNACK";
  plan().latency = latency_of::connection;
  for (std::uint32_t i = 0; i < given().clients; ++i) {
    auto filter = given().subscribe ? topic() + "/" + std::to_string(i) : std::string();
    guests_.push_back(std::make_unique<guest>(
        workers().of(i), workers().how(), terms("idle", i, workers().subscribe_endpoint(i), false),
        plan(), std::move(filter)));
  }
  auto error = timed("connect", "connections", &crew_totals::ready, latency::measured,
                     [this] { return open("clients connect", clients_of(guests_)); });
  if (!error.empty()) return error;
  error = timed("hold", "client-seconds", &crew_totals::ready, latency::ignored,
                [this] { return workers().pause(given().seconds, "holding still"); });
  auto& hold = result().phases.back();
  hold.count = static_cast<std::uint64_t>(given().clients * hold.seconds);
  weigh(given().clients);
  return error;
}

std::string idle::clear() {
  leave(clients_of(guests_));
  return {};
}

}  // namespace

report run_idle(const options& given) {
  return idle(given).run();
}

}  // namespace troupe::bench
