#pragma once

#include "tools/troupe-bench/engine/client.hpp"
#include "tools/troupe-bench/engine/crew.hpp"
#include "tools/troupe-bench/engine/run_plan.hpp"
#include "tools/troupe-bench/measure/process_watch.hpp"
#include "tools/troupe-bench/scenario/options.hpp"
#include "tools/troupe-bench/scenario/report.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::bench {

/// The course of a run, and the steps that scenarios are made of:
///
///     threads start -> perform() -> counts are taken -> clear() -> threads end -> check()
///
/// A step returns a sentence when it failed, which ends the run; empty: it went well.
/// Scenarios own their clients; these outlive the threads because run() ends them.
class course {
 public:
  explicit course(const options& given) : given_(given), crew_(given), watch_(given.pids) {}
  virtual ~course() = default;
  course(const course&) = delete;
  course& operator=(const course&) = delete;

  report run();

 protected:
  enum class latency : std::uint8_t { ignored, measured };
  using counter = std::uint64_t crew_totals::*;

  /// What the scenario measures.
  virtual std::string perform() = 0;
  /// Clients leave, and nothing of the run stays in the broker; after a failure, too.
  virtual std::string clear() = 0;
  /// Adds what was lost and so on to the report, when the threads have ended.
  virtual void check() {}

  const options& given() const noexcept { return given_; }
  crew& workers() noexcept { return crew_; }
  run_plan& plan() noexcept { return plan_; }
  report& result() noexcept { return result_; }

  /// "bench/offline".
  std::string topic() const;
  /// Of client `number` of those with this role; `durable`: its session outlives it
  /// by --expiry.
  client_terms terms(std::string_view role, std::uint32_t number, const endpoint* to,
                     bool durable) const;

  /// Connects and, where they do, subscribes.
  std::string open(const std::string& what, const std::vector<client*>& clients);
  void leave(const std::vector<client*>& clients);
  /// All at once, without DISCONNECT.
  void drop(const std::vector<client*>& clients);
  /// Waits until a counter has come to `wanted`.
  std::string reach(const std::string& what, counter which, std::uint64_t wanted);
  /// Takes the time of a step and what it cost; it did as much as the counter grew.
  std::string timed(const std::string& name, const std::string& things, counter which,
                    latency recorded, const std::function<std::string()>& step);
  /// Ends the sessions of clients that terms() named so.
  std::string forget(std::string_view role, std::uint32_t count);
  /// Notes the memory of the broker while it has so many clients.
  void weigh(std::uint64_t clients);

  template <class T>
  static std::vector<client*> clients_of(const std::vector<std::unique_ptr<T>>& from) {
    std::vector<client*> out;
    for (const auto& each : from) out.push_back(each.get());
    return out;
  }

 private:
  std::string prepare();
  void each(const std::vector<client*>& clients, void (client::*what)());

  const options& given_;
  crew crew_;
  process_watch watch_;
  run_plan plan_;
  report result_;
  std::vector<std::unique_ptr<client>> visitors_;  // of forget()
};

}  // namespace troupe::bench
