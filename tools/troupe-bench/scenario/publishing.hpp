#pragma once

#include "tools/troupe-bench/engine/crew.hpp"
#include "tools/troupe-bench/engine/publisher.hpp"
#include "tools/troupe-bench/engine/run_plan.hpp"
#include "tools/troupe-bench/scenario/options.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace troupe::bench {

/// Seconds for the broker to see that subscribers have left, and for messages that come twice.
inline constexpr double moment = 0.2;

/// The first publishers send one more than the others if it does not divide. 0 of them
/// all: without end.
std::uint64_t share_of(std::uint64_t messages, std::uint32_t publishers, std::uint32_t number);

/// What publishers send.
struct publication {
  std::function<std::string(std::uint32_t)> topic;  // by the number of the publisher
  bool numbered = false;                            // a topic for each message, below that
  bool retain = false;
  std::uint32_t payload = 0;  // bytes
};

/// The publishers of a run and what is under way from each. Made in two steps,
/// because subscribers need the flows. Must outlive the crew's threads.
class publishing {
 public:
  publishing(crew& threads, const options& given, run_plan& plan);

  /// `receivers`: subscribers that get each message.
  void expect(std::uint32_t receivers);
  void limit(std::uint32_t publisher, std::uint64_t messages) {
    flows_[publisher].limit = messages;
  }
  std::span<publisher_flow> flows() noexcept { return flows_; }

  void make(const std::vector<client_terms>& terms, const publication& what);
  /// Publishers begin, those with a rate together.
  void start();
  const std::vector<std::unique_ptr<publisher>>& all() const noexcept { return publishers_; }

 private:
  crew& crew_;
  const options& given_;
  run_plan& plan_;
  std::vector<publisher_flow> flows_;
  std::vector<std::unique_ptr<publisher>> publishers_;
};

}  // namespace troupe::bench
