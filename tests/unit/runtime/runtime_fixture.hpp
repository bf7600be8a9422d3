#pragma once

#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "actors/runtime/payload.hpp"

#include <caf/send.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace troupe::runtime::test {

/// Payload with a sender and a number, to check order.
struct numbered {
  unsigned sender = 0;
  std::uint64_t number = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, numbered& x) {
  return f(caf::meta::type_name("numbered"), x.sender, x.number);
}

/// A lean actor made of a function.
class scripted : public lean_actor {
 public:
  using script = std::function<void(scripted&, caf::mailbox_element&)>;

  scripted(caf::actor_config& cfg, script x) : lean_actor(cfg), script_(std::move(x)) {}

  const char* name() const override { return "scripted"; }
  void receive(caf::mailbox_element& m) override { script_(*this, m); }
  void on_exit(const caf::error& reason) override {
    if (exited) exited(reason);
    script_ = nullptr;
  }

  using lean_actor::loop;
  using lean_actor::monitor;
  using lean_actor::move_home;
  using lean_actor::quit;
  using lean_actor::reply;
  using lean_actor::request;
  using lean_actor::self;
  using lean_actor::send;
  using lean_actor::system;
  using lean_actor::trap_exit;

  std::function<void(const caf::error&)> exited;

 private:
  script script_;
};

/// Waits until something has happened often enough, with a deadline.
class countdown {
 public:
  explicit countdown(std::size_t n) : left_(n) {}

  void hit() {
    const std::lock_guard guard{mutex_};
    if (left_ > 0 && --left_ == 0) changed_.notify_all();
  }

  bool wait(std::chrono::seconds limit = std::chrono::seconds{30}) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, limit, [&] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t left_;
};

template <class Predicate>
bool eventually(Predicate ok, std::chrono::seconds limit = std::chrono::seconds{30}) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!ok()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

/// An actor system on `n` real run loops.
struct threaded_system {
  explicit threaded_system(unsigned n, runtime_options x = {}) : cfg(with(std::move(x), n)) {}

  loop_coordinator& loops() { return loop_coordinator::of(sys); }

  static runtime_options with(runtime_options x, unsigned n) {
    x.loops = n;
    return x;
  }

  runtime_config cfg;
  caf::actor_system sys{cfg};
};

/// An actor system whose turns and time the test drives.
struct manual_system {
  explicit manual_system(unsigned n, std::uint64_t seed_value = 1,
                         std::function<void()> on_stopped = nullptr)
      : seed(seed_value), cfg(with(time, n, std::move(on_stopped))) {}

  loop_coordinator& loops() { return loop_coordinator::of(sys); }
  std::size_t run() { return loops().run_until_idle(seed); }
  void advance(std::int64_t ms) {
    time.advance(ms);
    run();
  }

  static runtime_options with(manual_clock& time, unsigned n, std::function<void()> on_stopped) {
    runtime_options x;
    x.loops = n;
    x.time = &time;
    x.manual = true;
    x.on_stopped = std::move(on_stopped);
    return x;
  }

  manual_clock time;
  random seed;
  runtime_config cfg;
  caf::actor_system sys{cfg};
};

}  // namespace troupe::runtime::test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::runtime::test::numbered)
