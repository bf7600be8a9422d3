#pragma once

#include <caf/actor_system_config.hpp>

#include <cstdint>
#include <functional>
#include <random>
#include <string_view>

namespace troupe::runtime {

class clock;

/// The source of chance of manual mode: one seed is one interleaving.
using random = std::mt19937_64;

/// An exception that an actor or a callback of a run loop let out.
struct failure {
  std::string_view where;     ///< Name of the actor, or what the loop was doing.
  std::uint64_t actor_id;     ///< 0 if it was no actor.
  std::string_view sentence;  ///< what() of the exception.
};

/// How the run loops are set up; fixed when the actor system is made.
struct runtime_options {
  unsigned loops = 0;     ///< Number of run loops; 0: one per hardware thread.
  clock* time = nullptr;  ///< Must outlive the actor system; nullptr: the system's clock.
  bool manual = false;    ///< No threads: loop_coordinator::run_until_idle() does the work.
  /// Called on the thread of the failure; must not throw.
  std::function<void(const failure&)> on_failure;
  /// Called once, when every lean actor has ended and before the actor system
  /// goes: handles that are kept outside must be let go of here, not earlier
  /// (actors use them) and not later.
  std::function<void()> on_stopped;
};

/// Configuration of an actor system that runs on run loops; loads
/// loop_coordinator as its scheduler.
class runtime_config : public caf::actor_system_config {
 public:
  explicit runtime_config(runtime_options x = {});

  /// Change them before the actor system is made.
  runtime_options runtime;
};

}  // namespace troupe::runtime
