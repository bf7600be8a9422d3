#include "tools/troupe-bench/scenario/traffic.hpp"

#include "tools/troupe-bench/engine/clock.hpp"
#include "tools/troupe-bench/engine/crew.hpp"
#include "tools/troupe-bench/engine/publisher.hpp"
#include "tools/troupe-bench/engine/subscriber.hpp"

#include <bit>

namespace troupe::bench {
namespace {

/// Numbers that a group ledger tells apart; a window of every publisher fits in many times.
constexpr std::uint64_t remembered = 1U << 17;

class traffic {
 public:
  explicit traffic(const options& given) : given_(given), crew_(given), watch_(given.pids) {}
  ~traffic() { crew_.stop(); }

  report run() {
    result_.failure = prepare();
    if (result_.failure.empty()) result_.failure = exchange();
    finish();
    return std::move(result_);
  }

 private:
  std::string prepare();
  std::string exchange();
  std::string measure_time();
  std::string measure_messages();
  void start_publishing();
  void finish();
  void check();
  void make_subscribers();
  void make_publishers();
  std::string topic(std::uint32_t publisher) const;
  std::uint64_t receivers() const {
    return given_.run == scenario::fan_out ? given_.subscribers : 1;
  }
  void note(const usage_sample& before, const usage_sample& after, std::uint64_t count,
            double seconds);

  const options& given_;
  crew crew_;
  process_watch watch_;
  run_plan plan_;
  report result_;
  std::vector<publisher_flow> flows_;
  std::unique_ptr<group_ledger> group_;
  std::vector<std::unique_ptr<subscriber>> subscribers_;
  std::vector<std::unique_ptr<publisher>> publishers_;
};

std::string traffic::topic(std::uint32_t publisher) const {
  auto text = given_.topic_prefix + "/" + std::string(name_of(given_.run));
  if (given_.run != scenario::fan_out) text += "/" + std::to_string(publisher);
  return text;
}

std::string traffic::prepare() {
  if (auto error = watch_.check(); !error.empty()) return error;
  if (auto error = crew_.start(); !error.empty()) return error;
  result_.resident_before = watch_.sample().resident;
  plan_.level = static_cast<mqtt::qos>(given_.qos);
  plan_.payload = given_.payload;
  plan_.pattern = publish_template::pattern(given_.payload);
  plan_.window = given_.window;
  plan_.batch = given_.batch;
  plan_.open_loop = given_.rate > 0;
  if (given_.messages > 0)
    plan_.per_publisher = std::max<std::uint64_t>(1, given_.messages / given_.publishers);
  flows_ = std::vector<publisher_flow>(given_.publishers);
  for (auto& flow : flows_) {
    flow.receivers = static_cast<std::uint32_t>(receivers());
    if (flow.receivers == 1) continue;
    const auto size = std::bit_ceil(plan_.window * 2U);
    flow.arrived_mask = size - 1;
    flow.arrived = std::make_unique<std::atomic<std::uint32_t>[]>(size);
  }
  make_subscribers();
  make_publishers();
  return {};
}

void traffic::make_subscribers() {
  const auto base = given_.topic_prefix + "/" + std::string(name_of(given_.run));
  if (given_.run == scenario::shared)
    group_ = std::make_unique<group_ledger>(given_.publishers, remembered);
  for (std::uint32_t i = 0; i < given_.subscribers; ++i) {
    expected_messages expected{0, given_.publishers, group_.get()};
    std::string filter = base + "/+";
    if (given_.run == scenario::fan_out) filter = base;
    if (given_.run == scenario::shared) filter = "$share/bench/" + base + "/+";
    if (given_.run == scenario::pairs) {
      filter = topic(i);
      expected = {i, 1, nullptr};
    }
    client_terms terms;
    terms.client_id = given_.client_prefix + "-sub-" + std::to_string(i);
    terms.to = crew_.subscribe_endpoint(i);
    terms.source = crew_.source(i);
    terms.clean = given_.expiry == 0;
    terms.session_expiry = given_.expiry;
    subscribers_.push_back(std::make_unique<subscriber>(
        crew_.of(i), crew_.how(), std::move(terms), plan_, flows_, std::move(filter), expected));
  }
}

void traffic::make_publishers() {
  std::vector<std::vector<std::uint32_t>> mine(crew_.workers().size());
  std::vector<publisher*> all;
  for (std::uint32_t i = 0; i < given_.publishers; ++i) {
    client_terms terms;
    terms.client_id = given_.client_prefix + "-pub-" + std::to_string(i);
    terms.to = crew_.publish_endpoint(i);
    terms.source = crew_.source(given_.subscribers + i);
    publish_template with(topic(i), false, plan_.level, false, plan_.payload, crew_.how().version);
    publishers_.push_back(std::make_unique<publisher>(crew_.of(i), crew_.how(), std::move(terms),
                                                      plan_, flows_[i], i, std::move(with)));
    mine[crew_.of(i).index()].push_back(i);
    all.push_back(publishers_.back().get());
  }
  crew_.everywhere([&](worker& w) {
    for (const auto i : mine[w.index()]) w.own(flows_[i]);
    if (!plan_.open_loop) return;
    w.pace_publishers(all);
    w.pace(pacer(given_.rate, given_.publishers, mine[w.index()]));
  });
}

std::string traffic::exchange() {
  std::vector<client*> clients;
  for (auto& each : subscribers_) clients.push_back(each.get());
  crew_.open(clients);
  const auto ready = [](const crew_totals& t) { return t.ready; };
  std::uint64_t wanted = clients.size();
  const auto all_ready = [&](const crew_totals& t) { return t.ready >= wanted; };
  if (auto error = crew_.wait("subscribers connect", all_ready, ready); !error.empty())
    return error;
  clients.clear();
  for (auto& each : publishers_) clients.push_back(each.get());
  wanted += clients.size();
  crew_.open(clients);
  if (auto error = crew_.wait("publishers connect", all_ready, ready); !error.empty()) return error;
  if (auto error = crew_.pause(given_.settle, "subscriptions settle"); !error.empty()) return error;
  return given_.messages > 0 ? measure_messages() : measure_time();
}

void traffic::start_publishing() {
  plan_.publishing.store(true);
  // A moment ahead, so that all workers begin together.
  const auto at = now_ns() + 1'000'000;
  crew_.everywhere([&](worker& w) { w.begin(at); });
}

void traffic::note(const usage_sample& before, const usage_sample& after, std::uint64_t count,
                   double seconds) {
  result_.phases.push_back({"exchange", "messages", count, seconds, between(before, after)});
}

std::string traffic::measure_time() {
  start_publishing();
  if (auto error = crew_.pause(given_.warm_up, "warming up"); !error.empty()) return error;
  const auto before = watch_.sample();
  const auto received_before = crew_.totals().received;
  const auto begin = now_ns();
  plan_.measure_from.store(begin);
  auto error = crew_.pause(given_.seconds, "measuring");
  const auto received_after = crew_.totals().received;
  const auto end = now_ns();
  plan_.measure_until.store(end);
  note(before, watch_.sample(), received_after - received_before,
       static_cast<double>(end - begin) * 1e-9);
  plan_.publishing.store(false);
  return error;
}

std::string traffic::measure_messages() {
  const auto before = watch_.sample();
  const auto begin = now_ns();
  plan_.measure_from.store(begin);
  start_publishing();
  const auto wanted = plan_.per_publisher * given_.publishers * receivers();
  auto error = crew_.wait(
      "messages are exchanged", [&](const crew_totals& t) { return t.received >= wanted; },
      [](const crew_totals& t) { return t.received + t.acked; });
  note(before, watch_.sample(), crew_.totals().received,
       static_cast<double>(now_ns() - begin) * 1e-9);
  plan_.publishing.store(false);
  return error;
}

void traffic::finish() {
  // What is under way still comes; who waits longer than the stall time has lost it.
  if (result_.failure.empty() || crew_.faults().count() == 0) {
    plan_.publishing.store(false);
    const auto all_here = [&](const crew_totals& t) {
      return t.received >= t.sent * receivers() && (given_.qos == 0 || t.acked >= t.sent);
    };
    const auto error = crew_.wait("the last messages come", all_here, [](const crew_totals& t) {
      return t.received + t.acked + t.sent;
    });
    if (crew_.faults().count() != 0 && result_.failure.empty()) result_.failure = error;
    crew_.everywhere([&](worker& w) {
      for (std::size_t i = w.index(); i < publishers_.size(); i += crew_.workers().size())
        publishers_[i]->leave();
      for (std::size_t i = w.index(); i < subscribers_.size(); i += crew_.workers().size())
        subscribers_[i]->leave();
    });
  }
  (void)watch_.sample();
  crew_.stop();
  check();
}

void traffic::check() {
  const auto totals = crew_.totals();
  result_.sent = totals.sent;
  result_.expected = totals.sent * receivers();
  result_.received = totals.received;
  result_.foreign = totals.foreign;
  result_.corrupted = totals.corrupted;
  result_.latency = crew_.latency();
  result_.latency_of = given_.rate > 0 ? "latency  " : "transit  ";
  result_.resident_peak = watch_.peak_resident();
  if (group_) {
    for (std::size_t i = 0; i < publishers_.size(); ++i) {
      result_.lost += group_->of(i).lost(publishers_[i]->sent());
      result_.duplicated += group_->of(i).duplicated();
    }
    return;
  }
  for (const auto& each : subscribers_) {
    const auto& expected = each->expected();
    for (std::uint32_t i = 0; i < expected.count; ++i) {
      const auto& seen = each->of(i);
      result_.lost += seen.lost(publishers_[expected.first + i]->sent());
      result_.duplicated += seen.duplicated();
      result_.reordered += seen.reordered();
    }
  }
}

}  // namespace

report run_traffic(const options& given) {
  traffic all(given);
  return all.run();
}

}  // namespace troupe::bench
