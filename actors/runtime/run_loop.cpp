#include "actors/runtime/run_loop.hpp"

#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/loop_actor_clock.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/net/poller.hpp"

#include <caf/resumable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace troupe::runtime {

namespace {

// A turn is bounded by these, so that sockets, timers and other loops wait a
// millisecond or so at most behind a long queue of actors.
constexpr std::size_t max_resumes = 256;
constexpr std::size_t resumes_between_checks = 16;
constexpr std::uint64_t max_resume_ns = 1'000'000;
constexpr std::size_t max_outbox = 64;
constexpr std::int64_t longest_sleep_ms = 60'000;

std::uint64_t read_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    std::chrono::nanoseconds{1});
}

}  // namespace

constinit thread_local run_loop* run_loop::current_ = nullptr;

run_loop::run_loop(caf::actor_system& system, loop_coordinator& owner, unsigned index, clock& time)
    : caf::execution_unit(&system),
      owner_(owner),
      index_(index),
      clock_(time),
      io_(std::make_unique<boost::asio::io_context>(1)),
      keep_io_(io_->get_executor()),
      sockets_(boost::asio::use_service<net::poller>(*io_)),
      timers_(time.steady_ms()),
      scratch_(std::make_unique<char[]>(scratch_size)) {
  sockets_.lead();
}

run_loop::~run_loop() {
  close_io();
}

// -- scheduling ------------------------------------------------------------------

void run_loop::exec_later(caf::resumable* job) {
  if (is_current())
    queue_.push(job);
  else
    schedule(job);
}

void run_loop::schedule(caf::resumable* job) {
  auto* here = current_;
  if (here == this) {
    queue_.push(job);
  } else if (here != nullptr && &here->owner_ == &owner_) {
    auto& outbox = here->outboxes_[index_];
    if (outbox.empty()) here->dirty_outboxes_.push_back(index_);
    outbox.push_back(job);
    if (outbox.size() >= max_outbox) here->flush_outboxes();
  } else {
    std::vector<caf::resumable*> one{job};
    accept(one);
  }
}

void run_loop::accept(std::vector<caf::resumable*>& jobs) {
  bool must_wake = false;
  {
    const std::lock_guard guard{inbox_mutex_};
    if (!closed_) {
      inbox_jobs_.insert(inbox_jobs_.end(), jobs.begin(), jobs.end());
      jobs.clear();
      inbox_filled_.store(true, std::memory_order_release);
      must_wake = std::exchange(asleep_, false);
    }
  }
  if (must_wake) sockets_.wake();
  for (auto* job : jobs) caf::scheduler::abstract_coordinator::cleanup_and_release(job);
  jobs.clear();
}

bool run_loop::post(std::function<void()> work) {
  bool must_wake = false;
  {
    const std::lock_guard guard{inbox_mutex_};
    if (closed_ || inbox_posts_.size() >= max_posts) return false;
    inbox_posts_.push_back(std::move(work));
    inbox_filled_.store(true, std::memory_order_release);
    must_wake = std::exchange(asleep_, false);
  }
  if (must_wake) sockets_.wake();
  return true;
}

void run_loop::wake() {
  bool must_wake = false;
  {
    const std::lock_guard guard{inbox_mutex_};
    must_wake = std::exchange(asleep_, false) && !closed_;
    // Makes a loop that is just about to sleep look again.
    inbox_filled_.store(true, std::memory_order_release);
  }
  if (must_wake) sockets_.wake();
}

void run_loop::stop() {
  stopping_.store(true, std::memory_order_release);
  wake();
}

// -- the thread --------------------------------------------------------------------

void run_loop::run() {
  current_ = this;
  auto started = read_ns();
  while (!stopping_.load(std::memory_order_acquire)) {
    work(nullptr);
    const auto ended = read_ns();
    stats_.busy_ns.add(ended - started);
    stats_.lag_ns.set(ended - started);
    stats_.max_lag_ns.raise(ended - started);
    started = ended;
    if (has_work()) {
      poll_sockets(0);
      continue;
    }
    sleep();
    // A socket that woke us and asked for the time tells when work began.
    started = time_fresh_ ? fresh_ns_ : read_ns();
  }
  current_ = nullptr;
}

bool run_loop::turn(random* seed) {
  auto* outer = std::exchange(current_, this);
  now_allowed_ = seed == nullptr || (*seed)() % 2 == 0;
  const auto done = poll_sockets(0) + work(seed);
  current_ = outer;
  return done != 0;
}

/// A turn but for the sockets, which were polled or waited for before it.
std::size_t run_loop::work(random* seed) {
  std::size_t done = drain_inbox();
  done += seed != nullptr ? resume_one(*seed) : resume_actors();
  done += fire_timers();
  done += end_turn();
  stats_.turns.add(1);
  stats_.queue_length.set(queue_.size());
  time_fresh_ = false;
  return done;
}

void run_loop::sleep() {
  const auto due = next_due();
  auto wait = longest_sleep_ms;
  if (due != timer_wheel::never) wait = std::clamp<std::int64_t>(due - now(), 0, wait);
  time_fresh_ = false;
  if (wait > 0 && !may_sleep()) wait = 0;
  stats_.blocks.add(wait > 0 ? 1 : 0);
  poll_sockets(wait);
  if (wait == 0) return;
  const std::lock_guard guard{inbox_mutex_};
  asleep_ = false;
}

/// Says that the loop sleeps, unless something has come meanwhile.
bool run_loop::may_sleep() {
  const std::lock_guard guard{inbox_mutex_};
  // stop() may have come after the last look at it, and the turn since then
  // has cleared the flag that stop() raised.
  if (inbox_filled_.load(std::memory_order_relaxed) || stopping_.load(std::memory_order_relaxed))
    return false;
  asleep_ = true;
  return true;
}

// -- steps of a turn -----------------------------------------------------------------

std::size_t run_loop::poll_sockets(std::int64_t timeout_ms) {
  std::size_t count = 0;
  try {
    count = sockets_.wait(timeout_ms);
  } catch (...) {
    ++count;
    report_failure("socket");
  }
  stats_.io_events.add(count);
  return count;
}

std::size_t run_loop::drain_inbox() {
  if (!inbox_filled_.load(std::memory_order_acquire)) return 0;
  {
    const std::lock_guard guard{inbox_mutex_};
    drained_jobs_.swap(inbox_jobs_);
    drained_posts_.swap(inbox_posts_);
    inbox_filled_.store(false, std::memory_order_relaxed);
  }
  const auto count = drained_jobs_.size() + drained_posts_.size();
  for (auto* job : drained_jobs_) queue_.push(job);
  drained_jobs_.clear();
  for (auto& work : drained_posts_) {
    try {
      work();
    } catch (...) {
      report_failure("post");
    }
  }
  // What was posted may have used Asio.
  if (!drained_posts_.empty()) sockets_.asio_touched();
  drained_posts_.clear();
  return count;
}

void run_loop::resume(caf::resumable* job, std::size_t max_messages) {
  resumed(job, job->resume(this, max_messages));
}

void run_loop::resumed(caf::resumable* job, caf::resumable::resume_result result) {
  switch (result) {
    case caf::resumable::resume_later:
      queue_.push(job);
      break;
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
      caf::intrusive_ptr_release(job);
      break;
    case caf::resumable::shutdown_execution_unit:
      break;
  }
}

void run_loop::run_claimed(lean_actor& actor, caf::mailbox_element& first) {
  // It may end, and lose its last handle.
  caf::intrusive_ptr_add_ref(actor.ctrl());
  ++nesting_;
  resumed(&actor, actor.run(this, throughput, &first));
  --nesting_;
  stats_.resumes.add(1);
}

std::size_t run_loop::resume_actors() {
  if (queue_.empty()) return 0;
  std::size_t count = 0;
  std::uint64_t started = 0;
  while (!queue_.empty() && count < max_resumes) {
    resume(queue_.pop(), throughput);
    if (++count % resumes_between_checks == 0) {
      flush_outboxes();
      const auto ns = read_ns();
      if (started == 0) started = ns;
      if (ns - started > max_resume_ns) break;
    }
  }
  stats_.resumes.add(count);
  return count;
}

std::size_t run_loop::resume_one(random& seed) {
  if (queue_.empty()) return 0;
  auto* job = queue_.pop_at(static_cast<std::size_t>(seed() % queue_.size()));
  resume(job, 1 + static_cast<std::size_t>(seed() % 4));
  stats_.resumes.add(1);
  return 1;
}

std::size_t run_loop::fire_timers() {
  const auto due = next_due();
  if (due == timer_wheel::never || due > now()) return 0;
  std::size_t count = 0;
  try {
    count += timers_.advance(now());
    if (actor_clock_ != nullptr) count += actor_clock_->fire();
  } catch (...) {
    ++count;
    report_failure("timer");
  }
  stats_.timers.add(count);
  if (count != 0) sockets_.asio_touched();
  return count;
}

std::size_t run_loop::end_turn() {
  std::size_t count = 0;
  intrusive_link batch;
  batch.splice_back(flushables_);
  while (batch.linked()) {
    auto& x = static_cast<flushable&>(*batch.next());
    x.unlink();
    ++count;
    try {
      x.flush_turn();
    } catch (...) {
      report_failure("flush");
    }
  }
  if (!deferred_.empty()) {
    auto works = std::move(deferred_);
    deferred_.clear();
    count += works.size();
    for (auto& work : works) {
      try {
        work();
      } catch (...) {
        report_failure("deferred");
      }
    }
  }
  if (!doomed_.empty()) {
    auto dead = std::move(doomed_);
    doomed_.clear();
    count += dead.size();
  }
  flush_outboxes();
  return count;
}

void run_loop::flush_outboxes() {
  while (!dirty_outboxes_.empty()) {
    const auto to = dirty_outboxes_.back();
    dirty_outboxes_.pop_back();
    stats_.sent_away.add(outboxes_[to].size());
    owner_.loop(to).accept(outboxes_[to]);
  }
}

// -- state ---------------------------------------------------------------------------

void run_loop::read_time() {
  now_ = clock_.steady_ms();
  wall_ = clock_.wall_ms();
  fresh_ns_ = read_ns();
  time_fresh_ = true;
}

std::int64_t run_loop::next_due() {
  const auto due = timers_.next();
  return actor_clock_ != nullptr ? std::min(due, actor_clock_->next_due_ms()) : due;
}

bool run_loop::has_due_timer() {
  const auto due = next_due();
  return due != timer_wheel::never && due <= clock_.steady_ms();
}

bool run_loop::has_work() {
  return !queue_.empty() || sockets_.pending() || inbox_filled_.load(std::memory_order_acquire) || flushables_.linked() ||
         !deferred_.empty() || !doomed_.empty();
}

void run_loop::report_failure(const char* where, std::uint64_t actor_id) noexcept {
  stats_.failures.add(1);
  try {
    throw;
  } catch (const std::exception& e) {
    owner_.report({where, actor_id, e.what()});
  } catch (...) {
    owner_.report({where, actor_id, "an exception of unknown type"});
  }
}

// -- end -----------------------------------------------------------------------------

void run_loop::discard_work() {
  std::vector<caf::resumable*> jobs;
  std::vector<std::function<void()>> posts;
  {
    const std::lock_guard guard{inbox_mutex_};
    closed_ = true;
    jobs.swap(inbox_jobs_);
    posts.swap(inbox_posts_);
  }
  while (!queue_.empty()) jobs.push_back(queue_.pop());
  for (const auto to : dirty_outboxes_) {
    jobs.insert(jobs.end(), outboxes_[to].begin(), outboxes_[to].end());
    outboxes_[to].clear();
  }
  dirty_outboxes_.clear();
  for (auto* job : jobs) caf::scheduler::abstract_coordinator::cleanup_and_release(job);
}

void run_loop::close_io() {
  keep_io_.reset();
  io_.reset();
}

}  // namespace troupe::runtime
