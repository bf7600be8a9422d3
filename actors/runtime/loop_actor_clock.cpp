#include "actors/runtime/loop_actor_clock.hpp"

#include "actors/runtime/run_loop.hpp"

#include <chrono>
#include <utility>

namespace troupe::runtime {

namespace {

std::int64_t due_ms(caf::actor_clock::time_point t) {
  // Rounded up: never early.
  return std::chrono::ceil<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

}  // namespace

caf::actor_clock::time_point loop_actor_clock::now() const noexcept {
  return time_point{std::chrono::milliseconds{time_.steady_ms()}};
}

bool loop_actor_clock::update_next_due() {
  const auto before = next_due_.load(std::memory_order_relaxed);
  const auto after = schedule_.empty() ? timer_wheel::never : due_ms(schedule_.begin()->first);
  next_due_.store(after, std::memory_order_release);
  return after < before;
}

template <class F>
void loop_actor_clock::change(F f) {
  bool sooner = false;
  {
    const std::lock_guard guard{mutex_};
    f();
    sooner = update_next_due();
  }
  if (sooner && !driver_.is_current()) driver_.wake();
}

std::size_t loop_actor_clock::fire() {
  const auto limit = time_.steady_ms();
  std::size_t count = 0;
  for (;;) {
    unique_delayed_event_ptr next;
    {
      const std::lock_guard guard{mutex_};
      const auto first = schedule_.begin();
      if (first != schedule_.end() && due_ms(first->first) <= limit) {
        next = std::move(first->second);
        if (next->backlink != actor_lookup_.end()) actor_lookup_.erase(next->backlink);
        schedule_.erase(first);
      }
      update_next_due();
    }
    if (!next) return count;
    ship(*next);
    ++count;
  }
}

void loop_actor_clock::set_ordinary_timeout(time_point t, caf::abstract_actor* self,
                                            caf::atom_value type, std::uint64_t id) {
  change([&] { super::set_ordinary_timeout(t, self, type, id); });
}

void loop_actor_clock::set_multi_timeout(time_point t, caf::abstract_actor* self,
                                         caf::atom_value type, std::uint64_t id) {
  change([&] { super::set_multi_timeout(t, self, type, id); });
}

void loop_actor_clock::set_request_timeout(time_point t, caf::abstract_actor* self,
                                           caf::message_id id) {
  change([&] { super::set_request_timeout(t, self, id); });
}

void loop_actor_clock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  change([&] { super::cancel_ordinary_timeout(self, type); });
}

void loop_actor_clock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  change([&] { super::cancel_request_timeout(self, id); });
}

void loop_actor_clock::cancel_timeouts(caf::abstract_actor* self) {
  change([&] { super::cancel_timeouts(self); });
}

void loop_actor_clock::schedule_message(time_point t, caf::strong_actor_ptr receiver,
                                        caf::mailbox_element_ptr content) {
  change([&] { super::schedule_message(t, std::move(receiver), std::move(content)); });
}

void loop_actor_clock::schedule_message(time_point t, caf::group target,
                                        caf::strong_actor_ptr sender, caf::message content) {
  change([&] {
    super::schedule_message(t, std::move(target), std::move(sender), std::move(content));
  });
}

void loop_actor_clock::cancel_all() {
  change([&] { super::cancel_all(); });
}

}  // namespace troupe::runtime
