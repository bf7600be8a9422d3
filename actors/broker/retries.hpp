#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "actors/broker/tell.hpp"
#include "actors/runtime/time/timer_wheel.hpp"

namespace troupe::broker {

/// What an actor tries again after a while, as a `deferred` message to itself:
/// reads that the store could not answer. On the actor's run loop only.
class retries final : private runtime::timer_entry {
 public:
  /// The store is overloaded, or its disk is in trouble for longer.
  static constexpr std::int64_t patience_ms = 250;

  explicit retries(runtime::lean_actor& owner) : owner_(owner) {}

  void add(std::function<void()> work) {
    work_.push_back(std::move(work));
    auto& loop = *runtime::run_loop::current();
    if (!scheduled()) loop.timers().schedule(*this, loop.now() + patience_ms);
  }

  /// The actor moves to another loop: at once, by a message that goes with it.
  void leave_loop() {
    if (!scheduled()) return;
    runtime::run_loop::current()->timers().cancel(*this);
    on_timer();
  }

 private:
  void on_timer() override {
    tell(strong(owner_), deferred{[work = std::exchange(work_, {})] {
           for (const auto& run : work) run();
         }});
  }

  runtime::lean_actor& owner_;
  std::vector<std::function<void()>> work_;
};

}  // namespace troupe::broker
