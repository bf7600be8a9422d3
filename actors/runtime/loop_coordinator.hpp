#pragma once

#include "actors/runtime/actor_table.hpp"
#include "actors/runtime/time/clock.hpp"
#include "actors/runtime/run_loop.hpp"
#include "actors/runtime/runtime_options.hpp"

#include <caf/scheduler/abstract_coordinator.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace troupe::runtime {

class loop_actor_clock;

/// CAF's scheduler, made of run loops. Loaded by runtime_config or with
/// `cfg.load<loop_coordinator>()`; lives as long as the actor system.
class loop_coordinator final : public caf::scheduler::abstract_coordinator {
 public:
  explicit loop_coordinator(caf::actor_system& system);
  ~loop_coordinator() override;

  /// The coordinator of a system that has loaded this scheduler.
  static loop_coordinator& of(caf::actor_system& system);

  /// Number of run loops. Any thread.
  unsigned loops() const noexcept { return static_cast<unsigned>(loops_.size()); }
  /// Precondition: index < loops(). Any thread.
  run_loop& loop(unsigned index) noexcept { return *loops_[index]; }
  /// The loops in turn, for what is to be spread. Any thread.
  run_loop& next_loop() noexcept;

  /// The lean actors spawned for a loop (those without a home are spread over
  /// the tables by their id). Any thread.
  actor_table& table(unsigned index) noexcept { return *tables_[index]; }
  /// The table that `actor_id` with this home belongs to. Any thread.
  actor_table& table_for(const run_loop* home, std::uint64_t actor_id) noexcept;

  const runtime_options& options() const noexcept { return options_; }
  runtime::clock& time() const noexcept { return *time_; }
  /// Length of a tick of ticks(), measured since the start. Any thread.
  double ns_per_tick() const noexcept;

  /// Tells the failure hook. Any thread.
  void report(const failure& x) noexcept;

  // -- manual mode -------------------------------------------------------------

  /// Runs turns of loops chosen by `seed` until no loop has anything to do at
  /// the current time, or `max_turns` have run. Each turn resumes one actor,
  /// chosen by `seed`, for a few messages, so that a seed is an interleaving.
  /// Answers the number of turns that did something.
  std::size_t run_until_idle(random& seed, std::size_t max_turns = 1'000'000);

  // -- CAF ---------------------------------------------------------------------
  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>);
  /// Spreads actors without a home over the loops. Any thread.
  void enqueue(caf::resumable* what) override;
  caf::actor_clock& clock() noexcept override;
  void init(caf::actor_system_config& cfg) override;
  void start() override;
  void stop() override;

 private:
  void end_lean_actors();
  void drain();

  runtime_options options_;
  system_clock system_clock_;
  runtime::clock* time_ = &system_clock_;
  // Actors leave their table when they die, which closing the loops may cause.
  std::vector<std::unique_ptr<actor_table>> tables_;
  std::vector<std::unique_ptr<run_loop>> loops_;
  std::vector<std::thread> threads_;
  std::unique_ptr<loop_actor_clock> actor_clock_;
  std::atomic<unsigned> next_{0};
  std::uint64_t started_ns_ = 0;
  std::uint64_t started_ticks_ = 0;
};

}  // namespace troupe::runtime
