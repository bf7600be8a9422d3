#pragma once

#include "actors/runtime/time/clock.hpp"

#include <caf/detail/simple_actor_clock.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace troupe::runtime {

class run_loop;

/// CAF's delayed messages and request time-outs, driven by one run loop.
/// Resolution 1 ms. For timers of our own the wheel of a loop is far cheaper.
/// Any thread.
class loop_actor_clock final : public caf::detail::simple_actor_clock {
 public:
  loop_actor_clock(clock& time, run_loop& driver) : time_(time), driver_(driver) {}

  /// When fire() is to be called next, steady milliseconds;
  /// timer_wheel::never if nothing waits.
  std::int64_t next_due_ms() const noexcept { return next_due_.load(std::memory_order_acquire); }

  /// Sends what is due. Only by the driver. Answers how many messages.
  std::size_t fire();

  time_point now() const noexcept override;
  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                            std::uint64_t id) override;
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                         std::uint64_t id) override;
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point t, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override;
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override;
  void cancel_all() override;

 private:
  using super = caf::detail::simple_actor_clock;

  template <class F>
  void change(F f);
  bool update_next_due();

  clock& time_;
  run_loop& driver_;
  // Recursive: dropping an entry may end its actor, which cancels its own.
  std::recursive_mutex mutex_;
  std::atomic<std::int64_t> next_due_{INT64_MAX};
};

}  // namespace troupe::runtime
