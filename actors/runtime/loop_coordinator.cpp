#include "actors/runtime/loop_coordinator.hpp"

#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/loop_actor_clock.hpp"
#include "actors/runtime/time/ticks.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>
#include <chrono>
#include <pthread.h>
#include <string>

namespace troupe::runtime {

namespace {

// Shutdown gives messages in flight this many turns to arrive.
constexpr std::size_t max_drain_turns = 100'000;
// Actors that end may start others; after this many rounds they are left.
constexpr int max_end_rounds = 16;

std::uint64_t read_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    std::chrono::nanoseconds{1});
}

}  // namespace

loop_coordinator::loop_coordinator(caf::actor_system& system)
    : caf::scheduler::abstract_coordinator(system),
      started_ns_(read_ns()),
      started_ticks_(ticks()) {}

loop_coordinator::~loop_coordinator() {
  // Handlers inside a context may hold actors of another loop: every context
  // goes before the first loop.
  for (auto& x : loops_) x->close_io();
}

caf::actor_system::module* loop_coordinator::make(caf::actor_system& system,
                                                  caf::detail::type_list<>) {
  return new loop_coordinator(system);
}

loop_coordinator& loop_coordinator::of(caf::actor_system& system) {
  return static_cast<loop_coordinator&>(system.scheduler());
}

void loop_coordinator::init(caf::actor_system_config& cfg) {
  abstract_coordinator::init(cfg);
  if (const auto* mine = dynamic_cast<const runtime_config*>(&cfg)) options_ = mine->runtime;
  if (options_.time != nullptr) time_ = options_.time;
  if (options_.loops == 0) options_.loops = std::max(1U, std::thread::hardware_concurrency());
  max_throughput_ = run_loop::throughput;
  num_workers_ = options_.loops;
  for (unsigned i = 0; i < options_.loops; ++i) {
    tables_.push_back(std::make_unique<actor_table>());
    loops_.push_back(std::make_unique<run_loop>(system(), *this, i, *time_));
    loops_.back()->outboxes_.resize(options_.loops);
  }
  actor_clock_ = std::make_unique<loop_actor_clock>(*time_, *loops_.front());
  loops_.front()->actor_clock_ = actor_clock_.get();
}

void loop_coordinator::start() {
  if (options_.manual) {
    // Nobody would run the actors that the system's destructor waits for.
    system().await_actors_before_shutdown(false);
  } else {
    for (auto& loop : loops_) {
      threads_.emplace_back([this, x = loop.get()] {
        system().thread_started();
        x->run();
        system().thread_terminates();
      });
      const auto name = "troupe.loop." + std::to_string(loop->index());
      pthread_setname_np(threads_.back().native_handle(), name.c_str());
    }
  }
  abstract_coordinator::start();
}

void loop_coordinator::stop() {
  stop_actors();
  for (auto& x : loops_) x->stop();
  for (auto& x : threads_) x.join();
  threads_.clear();
  // From here on this thread runs every loop, so nothing is concurrent but
  // detached actors, whose messages find the inboxes open or closed.
  drain();
  end_lean_actors();
  drain();
  if (options_.on_stopped) options_.on_stopped();
  actor_clock_->cancel_all();
  for (auto& x : loops_) x->discard_work();
}

void loop_coordinator::drain() {
  std::size_t turns = 0;
  for (bool more = true; more && turns < max_drain_turns;) {
    more = false;
    for (auto& x : loops_) {
      if (!x->has_work()) continue;
      x->turn(nullptr);
      more = true;
      ++turns;
    }
  }
}

void loop_coordinator::end_lean_actors() {
  for (int round = 0; round < max_end_rounds; ++round) {
    bool any = false;
    for (auto& table : tables_) {
      for (auto& handle : table->actors()) {
        any = true;
        auto& x = static_cast<lean_actor&>(
            dynamic_cast<caf::monitorable_actor&>(*caf::actor_cast<caf::abstract_actor*>(handle)));
        auto* loop = x.home() != nullptr ? x.home() : loops_.front().get();
        auto* outer = std::exchange(run_loop::current_, loop);
        x.quit(caf::exit_reason::user_shutdown);
        x.terminate(loop);
        run_loop::current_ = outer;
      }
    }
    if (!any) return;
  }
}

double loop_coordinator::ns_per_tick() const noexcept {
  const auto passed = ticks() - started_ticks_;
  return passed == 0 ? 1.0
                     : static_cast<double>(read_ns() - started_ns_) / static_cast<double>(passed);
}

void loop_coordinator::enqueue(caf::resumable* what) {
  next_loop().schedule(what);
}

run_loop& loop_coordinator::next_loop() noexcept {
  return *loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

actor_table& loop_coordinator::table_for(const run_loop* home, std::uint64_t actor_id) noexcept {
  return *tables_[home != nullptr ? home->index() : actor_id % tables_.size()];
}

caf::actor_clock& loop_coordinator::clock() noexcept {
  return *actor_clock_;
}

void loop_coordinator::report(const failure& x) noexcept {
  if (options_.on_failure) options_.on_failure(x);
}

std::size_t loop_coordinator::run_until_idle(random& seed, std::size_t max_turns) {
  std::size_t turns = 0;
  std::vector<run_loop*> ready;
  while (turns < max_turns) {
    ready.clear();
    for (auto& x : loops_)
      if (x->has_work() || x->has_due_timer()) ready.push_back(x.get());
    if (!ready.empty()) {
      ready[static_cast<std::size_t>(seed() % ready.size())]->turn(&seed);
      ++turns;
      continue;
    }
    // Sockets may have become ready meanwhile.
    bool any = false;
    for (auto& x : loops_) any = x->turn(&seed) || any;
    if (!any) break;
    ++turns;
  }
  return turns;
}

}  // namespace troupe::runtime
