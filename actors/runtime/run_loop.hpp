#pragma once

#include "actors/runtime/time/clock.hpp"
#include "actors/runtime/flushable.hpp"
#include "actors/runtime/intrusive_link.hpp"
#include "actors/runtime/loop_stats.hpp"
#include "actors/runtime/run_queue.hpp"
#include "actors/runtime/runtime_options.hpp"
#include "actors/runtime/time/timer_wheel.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <caf/execution_unit.hpp>
#include <caf/fwd.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace troupe::net {
class poller;
}

namespace troupe::runtime {

class lean_actor;
class loop_actor_clock;
class loop_coordinator;

/// One thread that drives sockets and actors alike.
///
/// A turn: poll sockets, drain the inbox, resume actors within a budget, fire
/// timers, flush what gathered output, run what was put off to the end of the
/// turn, hand actors to other loops. It sleeps only when nothing is ready.
///
/// Lives as long as the actor system. Unless a function says "any thread", it
/// belongs to the thread of the loop (in manual mode: to the thread that runs
/// turns).
class run_loop final : public caf::execution_unit {
 public:
  /// Messages that an actor may handle before the next one has its turn.
  static constexpr std::size_t throughput = 100;
  /// Functions that may wait in the inbox.
  static constexpr std::size_t max_posts = 65'536;

  run_loop(caf::actor_system& system, loop_coordinator& owner, unsigned index, clock& time);
  ~run_loop() override;

  /// The loop whose turn runs on the calling thread, or nullptr. Any thread.
  static run_loop* current() noexcept { return current_; }
  /// Whether the caller runs inside a turn of this loop. Any thread.
  bool is_current() const noexcept { return current_ == this; }
  /// Position among the loops of the coordinator. Any thread.
  unsigned index() const noexcept { return index_; }
  /// The coordinator that owns this loop. Any thread.
  loop_coordinator& coordinator() const noexcept { return owner_; }

  /// Whether an actor may run inside of the one that sends to it: not too many are so already.
  bool may_nest() const noexcept { return nesting_ < max_nesting && now_allowed_; }
  /// Has an actor that lean_actor::claim() has made the caller's handle `first`, which the caller
  /// keeps, and what has come meanwhile.
  void run_claimed(lean_actor& actor, caf::mailbox_element& first);

  /// For sockets of Asio. From outside of its handlers post through
  /// run_loop::post(): the loop does not see what is posted to Asio.
  boost::asio::io_context& io() noexcept { return *io_; }

  /// Queues an actor whose reference was taken for the loop.
  void exec_later(caf::resumable* job) override;
  /// The same from any thread. From another loop it travels at the end of
  /// that loop's turn, many with one lock and one wake-up.
  void schedule(caf::resumable* job);
  /// Runs `work` in the next turn. Any thread. False, and nothing happens, if
  /// the loop has ended or max_posts functions wait already.
  bool post(std::function<void()> work);

  timer_wheel& timers() noexcept { return timers_; }

  /// Steady milliseconds, read once per turn.
  std::int64_t now() {
    if (!time_fresh_) read_time();
    return now_;
  }
  /// Milliseconds since 1970-01-01 UTC, read once per turn.
  std::int64_t wall() {
    if (!time_fresh_) read_time();
    return wall_;
  }
  /// Microseconds since 1970-01-01 UTC, now.
  std::int64_t wall_us() { return clock_.wall_us(); }

  /// Has x.flush_turn() called once at the end of this turn.
  void flush_later(flushable& x) noexcept {
    if (!x.flush_queued()) flushables_.push_back(x);
  }
  /// Runs `work` once at the end of this turn, after the flushes.
  void defer(std::function<void()> work) { deferred_.push_back(std::move(work)); }
  /// Destroys `x` at the end of this turn: for an object that ends its own
  /// life while its functions are still on the stack.
  template <class T>
  void destroy_later(std::unique_ptr<T> x) {
    if (x) doomed_.emplace_back(x.release(), [](void* p) { delete static_cast<T*>(p); });
  }

  /// Read buffer shared by all sockets of the loop: valid until the caller
  /// returns to the loop. 64 KiB.
  std::span<char> scratch() noexcept { return {scratch_.get(), scratch_size}; }

  /// Any thread.
  const loop_stats& stats() const noexcept { return stats_; }
  /// Adds to the messages handled; called by lean actors.
  void count_messages(std::size_t n) noexcept { stats_.messages.add(n); }
  /// Reports the exception being handled to the failure hook; inside catch.
  void report_failure(const char* where, std::uint64_t actor_id = 0) noexcept;

 private:
  friend class loop_coordinator;
  friend class loop_actor_clock;
  friend class lean_actor;
  using doomed = std::unique_ptr<void, void (*)(void*)>;
  static constexpr std::size_t scratch_size = 64 * 1024;
  // A device's session, its topic shard, the session that receives.
  static constexpr unsigned max_nesting = 3;

  // -- for the coordinator ---------------------------------------------------
  void run();
  void stop();
  void wake();
  bool turn(random* seed);
  std::size_t work(random* seed);
  bool has_work();
  bool has_due_timer();
  void discard_work();
  void close_io();

  // -- steps of a turn -------------------------------------------------------
  std::size_t poll_sockets(std::int64_t timeout_ms);
  std::size_t drain_inbox();
  std::size_t resume_actors();
  std::size_t resume_one(random& seed);
  void resume(caf::resumable* job, std::size_t max_messages);
  void resumed(caf::resumable* job, caf::resumable::resume_result result);
  std::size_t fire_timers();
  std::size_t end_turn();
  void flush_outboxes();
  void accept(std::vector<caf::resumable*>& jobs);
  void sleep();
  bool may_sleep();
  void read_time();
  std::int64_t next_due();

  // constinit: read at every count, without asking whether it was initialised.
  static constinit thread_local run_loop* current_;

  loop_coordinator& owner_;
  const unsigned index_;
  clock& clock_;
  std::unique_ptr<boost::asio::io_context> io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_io_;
  net::poller& sockets_;  // of io_
  bool now_allowed_ = true;  // a test's seed says whether
  unsigned nesting_ = 0;     // of run_claimed()
  std::uint64_t ran_ticks_ = 0;  // in runs of lean actors that are over; for their own record
  loop_actor_clock* actor_clock_ = nullptr;  // set for the loop that drives CAF's delays

  std::int64_t now_ = 0;
  std::int64_t wall_ = 0;
  std::uint64_t fresh_ns_ = 0;
  bool time_fresh_ = false;

  run_queue queue_;
  timer_wheel timers_;
  intrusive_link flushables_;
  std::vector<std::function<void()>> deferred_;
  std::vector<doomed> doomed_;
  std::vector<std::vector<caf::resumable*>> outboxes_;  // by index of the receiving loop
  std::vector<unsigned> dirty_outboxes_;
  std::unique_ptr<char[]> scratch_;
  loop_stats stats_;

  // The inbox: everything below is shared with other threads.
  std::mutex inbox_mutex_;
  std::vector<caf::resumable*> inbox_jobs_;
  std::vector<std::function<void()>> inbox_posts_;
  bool asleep_ = false;
  bool closed_ = false;
  std::atomic<bool> inbox_filled_{false};
  std::atomic<bool> stopping_{false};

  // Drained copies, kept for their capacity.
  std::vector<caf::resumable*> drained_jobs_;
  std::vector<std::function<void()>> drained_posts_;
};

}  // namespace troupe::runtime
