#include "tools/troupe-bench/engine/worker.hpp"

#include "tools/troupe-bench/engine/client.hpp"
#include "tools/troupe-bench/engine/clock.hpp"
#include "tools/troupe-bench/engine/publisher.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <utility>

namespace troupe::bench {
namespace {

constexpr std::size_t buffer_bytes = 512 * 1024;
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::size_t kept_sentence = 300;

}  // namespace

void fault_log::add(const std::string& sentence) {
  count_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard guard(lock_);
  if (sentences_.size() < kept) sentences_.push_back(sentence.substr(0, kept_sentence));
}

std::vector<std::string> fault_log::first() const {
  const std::lock_guard guard(lock_);
  return sentences_;
}

worker::worker(std::size_t index, std::uint32_t concurrency, bool spin, fault_log& faults)
    : index_(index), concurrency_(concurrency), spin_(spin), faults_(faults) {}

worker::~worker() {
  stop();
  if (epoll_ >= 0) ::close(epoll_);
  if (wake_ >= 0) ::close(wake_);
}

std::string worker::start() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  if (epoll_ < 0 || wake_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    return std::string("epoll cannot be set up: ") + std::strerror(errno) + ".";
  }
  buffer_.resize(buffer_bytes);
  started_ = now_ns();
  thread_ = std::thread([this] { run(); });
  return {};
}

void worker::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  post([] {});
  thread_.join();
}

void worker::post(std::function<void()> task) {
  {
    const std::lock_guard guard(lock_);
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof(one));
}

void worker::poke() noexcept {
  if (poked_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof(one));
}

void worker::watch(client& each) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &each;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, each.descriptor(), &event);
  if (!each.known_to_worker()) {
    each.set_known_to_worker();
    watched_.push_back(&each);
  }
}

void worker::unwatch(client& each) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, each.descriptor(), nullptr);
}

void worker::run() {
  // Turns are microseconds apart: the default slack of 50 µs would bundle them.
  ::prctl(PR_SET_TIMERSLACK, 1);
  while (!stopping_.load(std::memory_order_relaxed)) {
    wait_for_events();
    do_pending();
    const auto elapsed = (now_ns() - started_) / second_ns;
    if (std::cmp_not_equal(elapsed, second_)) {
      second_ = static_cast<std::uint32_t>(elapsed);
      tick();
      flush();
    }
  }
}

std::int64_t worker::longest_wait() const {
  if (spin_ || !unread_.empty() || !dirty_.empty()) return 0;
  const std::int64_t usual = second_ns / 5;
  if (!pacer_.active()) return usual;
  return std::clamp<std::int64_t>(pacer_.next().intended - now_ns(), 0, usual);
}

void worker::wait_for_events() {
  std::array<epoll_event, 512> events;
  const auto wait = longest_wait();
  const timespec limit{wait / second_ns, wait % second_ns};
  const int count =
      ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
  for (int at = 0; at < count; ++at) {
    const auto& event = events[static_cast<std::size_t>(at)];
    if (event.data.ptr != nullptr) {
      static_cast<client*>(event.data.ptr)->on_events(event.events);
      continue;
    }
    std::uint64_t drained = 0;
    [[maybe_unused]] const auto got = ::read(wake_, &drained, sizeof(drained));
    run_posted();
    if (poked_.exchange(false, std::memory_order_acq_rel)) {
      for (auto* const flow : flows_) refill_later(*flow);
    }
  }
}

void worker::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard guard(lock_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) task();
}

void worker::do_pending() {
  if (!unread_.empty()) {
    reading_.swap(unread_);
    for (auto* const each : reading_) each->read_more();
    reading_.clear();
  }
  for (auto* const flow : refills_) {
    flow->refill_queued = false;
    flow->source->refill();
  }
  refills_.clear();
  if (pacer_.active()) take_turns();
  while (opening_ < concurrency_ && !opening_queue_.empty()) {
    ++opening_;
    auto* const next = opening_queue_.front();
    opening_queue_.pop_front();
    next->open();
  }
  flush();
  for (auto& other : pokes_) {
    if (other != nullptr) std::exchange(other, nullptr)->poke();
  }
}

void worker::take_turns() {
  // Bounded, so that answers are read even if the rate is more than this machine can do.
  constexpr int most = 4096;
  const auto now = now_ns();
  for (int taken = 0; taken < most; ++taken) {
    const auto turn = pacer_.next();
    if (turn.intended > now) return;
    pacer_.advance();
    paced_[turn.publisher]->owe(turn.intended);
  }
}

void worker::flush() {
  while (!dirty_.empty()) {
    flushing_.swap(dirty_);
    for (auto* const each : flushing_) each->flush();
    flushing_.clear();
  }
}

void worker::tick() {
  for (auto* const each : watched_) each->on_second();
}

}  // namespace troupe::bench
