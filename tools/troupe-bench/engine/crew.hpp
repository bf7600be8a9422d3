#pragma once

#include "tools/troupe-bench/engine/byte_stream.hpp"
#include "tools/troupe-bench/engine/run_plan.hpp"
#include "tools/troupe-bench/engine/worker.hpp"
#include "tools/troupe-bench/scenario/options.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::bench {

/// The counters of all workers at one moment.
struct crew_totals {
  std::uint64_t begun = 0;
  std::uint64_t connected = 0;
  std::uint64_t resumed = 0;
  std::uint64_t ready = 0;
  std::uint64_t closed = 0;
  std::uint64_t sent = 0;
  std::uint64_t acked = 0;
  std::uint64_t received = 0;
  std::uint64_t foreign = 0;
  std::uint64_t corrupted = 0;
};

/// The threads of a run, what they connect to, and how the main thread waits for
/// them. Clients are owned by the scenario and must outlive stop().
class crew {
 public:
  explicit crew(const options& given);
  ~crew();

  /// Resolves addresses, loads certificates, starts the threads. A sentence, or empty.
  std::string start();
  /// Ends the threads; afterwards clients may be looked at.
  void stop();

  worker& of(std::size_t client) { return *workers_[client % workers_.size()]; }
  std::vector<std::unique_ptr<worker>>& workers() noexcept { return workers_; }
  const connect_settings& how() const noexcept { return how_; }
  const endpoint* publish_endpoint(std::size_t client) const {
    return &publish_to_[client % publish_to_.size()];
  }
  const endpoint* subscribe_endpoint(std::size_t client) const {
    return &subscribe_to_[client % subscribe_to_.size()];
  }
  const endpoint* source(std::size_t client) const {
    return sources_.empty() ? nullptr : &sources_[client % sources_.size()];
  }
  fault_log& faults() noexcept { return faults_; }
  /// Connects from as many addresses of this machine as `connections` need, if the
  /// broker is on loopback and no --source is given. Before anything is opened.
  void spread_sources(std::uint64_t connections);
  /// Nobody is opened any more who was to be; what failed until now ends no wait after
  /// this, and there is time for one more.
  void begin_clearing();

  crew_totals totals() const;
  histogram latency() const;

  /// Runs `task` on every worker and waits for all of them.
  void everywhere(const std::function<void(worker&)>& task);
  /// Has the worker of each client open it.
  void open(const std::vector<client*>& clients);

  /// Looks every few milliseconds until `done`. A sentence when a connection
  /// failed, when `progress` did not grow for --stall seconds, or when time is up.
  std::string wait(const std::string& what, const std::function<bool(const crew_totals&)>& done,
                   const std::function<std::uint64_t(const crew_totals&)>& progress);
  /// Sleeps and shows progress. A sentence when a connection failed.
  std::string pause(double seconds, const std::string& what);

 private:
  void show(const std::string& what, const crew_totals& now);
  bool on_loopback() const;
  std::string fault() const;
  std::string resolve(const std::vector<std::string>& from, std::vector<endpoint>& to,
                      bool local) const;

  const options& given_;
  connect_settings how_;
  std::unique_ptr<tls_client> tls_;
  std::vector<endpoint> publish_to_;
  std::vector<endpoint> subscribe_to_;
  std::vector<endpoint> sources_;
  fault_log faults_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::uint64_t forgiven_ = 0;  // faults
  std::int64_t started_ = 0;
  std::int64_t deadline_ = 0;
  std::int64_t shown_ = 0;
  crew_totals shown_totals_;
};

}  // namespace troupe::bench
