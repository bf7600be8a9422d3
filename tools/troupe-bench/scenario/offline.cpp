#include "tools/troupe-bench/engine/subscriber.hpp"
#include "tools/troupe-bench/scenario/course.hpp"
#include "tools/troupe-bench/scenario/publishing.hpp"
#include "tools/troupe-bench/scenario/scenarios.hpp"

#include <algorithm>

namespace troupe::bench {
namespace {

class offline final : public course {
 public:
  explicit offline(const options& given) : course(given), publishing_(workers(), given, plan()) {}

 private:
  std::string perform() override;
  std::string clear() override;
  void check() override;

  void make_clients();
  std::string make_sessions();
  std::string store();
  std::string drain();
  std::string topic_of(std::uint32_t session) const {
    return topic() + "/" + std::to_string(session);
  }
  std::uint64_t messages() const { return given().messages * given().clients; }

  publishing publishing_;
  std::vector<std::unique_ptr<subscriber>> subscribers_;
};

std::string offline::perform() {
  result().latency_of = "delivery";
  plan().latency = latency_of::backlog;
  plan().credits = false;  // nobody receives while messages are stored
  make_clients();
  auto error = make_sessions();
  if (error.empty()) error = store();
  if (error.empty()) error = drain();
  return error;
}

void offline::make_clients() {
  std::vector<client_terms> publishers;
  for (std::uint32_t i = 0; i < given().clients; ++i) {
    publishing_.limit(i, given().messages);
    publishers.push_back(terms("pub", i, workers().publish_endpoint(i), false));
    subscribers_.push_back(std::make_unique<subscriber>(
        workers().of(i), workers().how(), terms("sub", i, workers().subscribe_endpoint(i), true),
        plan(), publishing_.flows(), topic_of(i), expected_messages{i, 1}));
  }
  publishing_.make(publishers, {.topic = [this](std::uint32_t i) { return topic_of(i); },
                                .payload = given().payload});
}

std::string offline::make_sessions() {
  // Those of a run that was cut short may have messages.
  auto error = forget("sub", given().clients);
  if (error.empty()) error = open("sessions are made", clients_of(subscribers_));
  leave(clients_of(subscribers_));
  if (error.empty()) error = open("publishers connect", clients_of(publishing_.all()));
  if (error.empty()) error = workers().pause(std::max(moment, given().settle), "subscribers leave");
  return error;
}

std::string offline::store() {
  auto error = timed("store", "messages", &crew_totals::acked, latency::ignored, [this] {
    publishing_.start();
    return reach("messages are stored", &crew_totals::acked, messages());
  });
  plan().publishing.store(false);
  leave(clients_of(publishing_.all()));
  return error;
}

std::string offline::drain() {
  auto error = timed("drain", "messages", &crew_totals::received, latency::measured, [this] {
    workers().open(clients_of(subscribers_));
    return reach("stored messages are delivered", &crew_totals::received, messages());
  });
  return error.empty() ? workers().pause(moment, "more comes than was stored") : error;
}

std::string offline::clear() {
  leave(clients_of(publishing_.all()));
  leave(clients_of(subscribers_));
  return forget("sub", given().clients);
}

void offline::check() {
  result().expected = result().sent;
  for (std::size_t i = 0; i < subscribers_.size(); ++i)
    result().count(subscribers_[i]->of(0), publishing_.all()[i]->sent());
}

}  // namespace

report run_offline(const options& given) {
  return offline(given).run();
}

}  // namespace troupe::bench
