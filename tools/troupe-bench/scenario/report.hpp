#pragma once

#include "tools/troupe-bench/measure/histogram.hpp"
#include "tools/troupe-bench/measure/process_watch.hpp"
#include "tools/troupe-bench/measure/sequence_checker.hpp"
#include "tools/troupe-bench/scenario/options.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace troupe::bench {

/// A step of a run that was timed: how many of what in how long.
struct measured_phase {
  std::string name;    // "exchange", "store", "drain", "connect"...
  std::string things;  // "messages", "connections"
  std::uint64_t count = 0;
  double seconds = 0;
  usage used;
};

/// What a run found; everything that is told of it.
struct report {
  std::vector<measured_phase> phases;
  histogram latency;       // ns
  std::string latency_of;  // "latency", "transit", "CONNACK"...

  std::uint64_t sent = 0;      // in the whole run
  std::uint64_t expected = 0;  // deliveries of them
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t foreign = 0;
  std::uint64_t corrupted = 0;

  std::uint64_t resident_before = 0;  // of the watched processes, before anybody connected
  std::uint64_t resident_peak = 0;
  std::uint64_t resident_with_clients = 0;  // 0: the scenario does not hold clients
  std::uint64_t clients_held = 0;

  std::string failure;  // a sentence; empty: the run came to its end

  /// Adds what a checker saw of `messages` that were sent. group_checker does not mind order.
  void count(const sequence_checker& seen, std::uint64_t messages) {
    lost += seen.lost(messages);
    duplicated += seen.duplicated();
    reordered += seen.reordered();
  }
  void count(const group_checker& seen, std::uint64_t messages) {
    lost += seen.lost(messages);
    duplicated += seen.duplicated();
  }

  /// Nothing lost, duplicated, reordered, strange or failed.
  bool good() const noexcept {
    return failure.empty() && lost == 0 && duplicated == 0 && reordered == 0 && foreign == 0 &&
           corrupted == 0;
  }
};

/// For people: a few lines.
std::string summary(const options& given, const report& of);
/// For machines: one JSON object.
std::string json(const options& given, const report& of);

}  // namespace troupe::bench
