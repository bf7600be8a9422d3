#include "tools/troupe-bench/scenario/course.hpp"

#include "tools/troupe-bench/engine/clock.hpp"
#include "tools/troupe-bench/engine/guest.hpp"
#include "tools/troupe-bench/engine/publish_template.hpp"

#include <sys/resource.h>

namespace troupe::bench {
namespace {

// Files that are not connections.
constexpr std::uint64_t own_files = 32;

std::string complain_of_files(std::uint64_t connections) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || connections + own_files <= files.rlim_cur)
    return {};
  return std::to_string(connections) + " connections at a time need more than the " +
         std::to_string(files.rlim_cur) + " files that this process may open (ulimit -n).";
}

/// The threads use what a scenario owns: however run() is left, they end before it is gone.
struct ended_at_last {
  crew& threads;
  ~ended_at_last() { threads.stop(); }
};

}  // namespace

report course::run() {
  const ended_at_last guard{crew_};
  result_.failure = prepare();
  if (result_.failure.empty()) {
    result_.failure = perform();
    const auto totals = crew_.totals();
    result_.sent = totals.sent;
    result_.received = totals.received;
    (void)watch_.sample();
    crew_.begin_clearing();
    auto error = clear();
    if (result_.failure.empty()) result_.failure = std::move(error);
  }
  crew_.stop();
  const auto totals = crew_.totals();
  result_.foreign = totals.foreign;
  result_.corrupted = totals.corrupted;
  result_.latency = crew_.latency();
  result_.resident_peak = watch_.peak_resident();
  check();
  return std::move(result_);
}

std::string course::prepare() {
  if (auto error = complain_of_files(connections_at_once(given_)); !error.empty()) return error;
  if (auto error = watch_.check(); !error.empty()) return error;
  if (auto error = crew_.start(); !error.empty()) return error;
  crew_.spread_sources(connections_in_all(given_));
  result_.resident_before = watch_.sample().resident;
  plan_.level = static_cast<mqtt::qos>(given_.qos);
  plan_.payload = given_.payload;
  plan_.pattern = publish_template::pattern(given_.payload);
  plan_.window = given_.window;
  plan_.batch = given_.batch;
  plan_.open_loop = given_.rate > 0;
  return {};
}

std::string course::topic() const {
  return given_.topic_prefix + "/" + std::string(name_of(given_.run));
}

client_terms course::terms(std::string_view role, std::uint32_t number, const endpoint* to,
                           bool durable) const {
  client_terms made;
  made.client_id = given_.client_prefix + "-" + std::string(role) + "-" + std::to_string(number);
  made.to = to;
  made.source = crew_.source(number);
  made.clean = !durable;
  made.session_expiry = durable ? given_.expiry : 0;
  made.reset = given_.reset;
  return made;
}

void course::each(const std::vector<client*>& clients, void (client::*what)()) {
  crew_.everywhere([&](worker& w) {
    for (auto i = w.index(); i < clients.size(); i += crew_.workers().size()) (clients[i]->*what)();
  });
}

void course::leave(const std::vector<client*>& clients) {
  each(clients, &client::leave);
}

void course::drop(const std::vector<client*>& clients) {
  each(clients, &client::drop);
}

std::string course::open(const std::string& what, const std::vector<client*>& clients) {
  const auto wanted = crew_.totals().ready + clients.size();
  crew_.open(clients);
  return reach(what, &crew_totals::ready, wanted);
}

std::string course::reach(const std::string& what, counter which, std::uint64_t wanted) {
  return crew_.wait(
      what, [&](const crew_totals& t) { return t.*which >= wanted; },
      [&](const crew_totals& t) { return t.*which; });
}

std::string course::timed(const std::string& name, const std::string& things, counter which,
                          latency recorded, const std::function<std::string()>& step) {
  const auto before = watch_.sample();
  const auto count = crew_.totals().*which;
  const auto begin = now_ns();
  if (recorded == latency::measured) {
    plan_.measure_from.store(begin);
    plan_.measure_until.store(INT64_MAX);
  }
  auto error = step();
  const auto done = crew_.totals().*which - count;
  const auto end = now_ns();
  plan_.measure_until.store(end);
  result_.phases.push_back({name, things, done, static_cast<double>(end - begin) * 1e-9,
                            between(before, watch_.sample())});
  return error;
}

std::string course::forget(std::string_view role, std::uint32_t count) {
  std::vector<client*> clients;
  for (std::uint32_t i = 0; i < count; ++i) {
    visitors_.push_back(std::make_unique<guest>(
        crew_.of(i), crew_.how(), terms(role, i, crew_.subscribe_endpoint(i), false), plan_));
    clients.push_back(visitors_.back().get());
  }
  auto error = open("sessions are removed", clients);
  leave(clients);
  return error;
}

void course::weigh(std::uint64_t clients) {
  result_.resident_with_clients = watch_.sample().resident;
  result_.clients_held = clients;
}

}  // namespace troupe::bench
