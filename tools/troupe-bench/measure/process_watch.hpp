#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::bench {

/// What /proc says at one moment. Seconds of CPU and bytes.
struct usage_sample {
  double at = 0;    // monotonic clock, seconds
  double user = 0;  // of the watched processes together
  double system = 0;
  double total = 0;  // user and system, finer than their sum where the kernel tells
  std::uint64_t resident = 0;
  double self = 0;     // of this process
  double machine = 0;  // of all processes, stolen time included
};

/// What happened between two samples.
struct usage {
  double seconds = 0;
  double user = 0;
  double system = 0;
  double total = 0;
  double self = 0;
  /// CPU that neither the watched processes nor this one used, in per cent of one core.
  double others_percent = 0;
};

usage between(const usage_sample& before, const usage_sample& after) noexcept;

/// Fields 14 and 15 (user and system, in ticks) and 24 (resident pages) of
/// /proc/PID/stat; the name in it may hold anything. False: not such a line.
struct stat_fields {
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t resident_pages = 0;
};
bool read_stat(std::string_view line, stat_fields& out);
/// Busy ticks of the machine: the first line of /proc/stat without idle and waiting.
std::uint64_t busy_ticks(std::string_view line);

/// Watches processes, usually one broker. Not thread-safe.
class process_watch {
 public:
  explicit process_watch(std::vector<int> pids) : pids_(std::move(pids)) {}

  /// A sentence when a process cannot be watched, or empty.
  std::string check() const;
  usage_sample sample();
  /// The most that a sample() has seen.
  std::uint64_t peak_resident() const noexcept { return peak_; }
  bool watching() const noexcept { return !pids_.empty(); }

 private:
  std::vector<int> pids_;
  std::uint64_t peak_ = 0;
};

}  // namespace troupe::bench
