#include "tools/troupe-bench/engine/guest.hpp"
#include "tools/troupe-bench/scenario/course.hpp"
#include "tools/troupe-bench/scenario/scenarios.hpp"

namespace troupe::bench {
namespace {

class reconnect final : public course {
 public:
  using course::course;

 private:
  std::string perform() override;
  std::string clear() override;
  std::string storm(std::uint32_t round);

  std::vector<std::unique_ptr<guest>> guests_;
};

std::string reconnect::perform() {
  result().latency_of = "CONNACK";
  plan().latency = latency_of::connection;
  // Those of a run that was cut short.
  if (auto error = forget("session", given().clients); !error.empty()) return error;
  for (std::uint32_t i = 0; i < given().clients; ++i)
    guests_.push_back(
        std::make_unique<guest>(workers().of(i), workers().how(),
                                terms("session", i, workers().subscribe_endpoint(i), true), plan(),
                                topic() + "/" + std::to_string(i)));
  auto error = timed("connect", "connections", &crew_totals::ready, latency::ignored,
                     [this] { return open("sessions are made", clients_of(guests_)); });
  for (std::uint32_t round = 1; error.empty() && round <= given().rounds; ++round)
    error = storm(round);
  if (error.empty()) weigh(given().clients);
  return error;
}

std::string reconnect::storm(std::uint32_t round) {
  std::string name = "reconnect";
  if (given().rounds > 1) name += " " + std::to_string(round);
  drop(clients_of(guests_));
  return timed(name, "connections", &crew_totals::resumed, latency::measured,
               [this] { return open("clients come back", clients_of(guests_)); });
}

std::string reconnect::clear() {
  leave(clients_of(guests_));
  return forget("session", given().clients);
}

}  // namespace

report run_reconnect(const options& given) {
  return reconnect(given).run();
}

}  // namespace troupe::bench
