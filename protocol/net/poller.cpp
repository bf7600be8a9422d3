#include "protocol/net/poller.hpp"

#include "protocol/net/asio_descriptor.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::net {
namespace {

using clock = std::chrono::steady_clock;

// Handlers may do all the work of what they read: timers and output wait for no
// more than this.
constexpr auto longest_round = std::chrono::milliseconds(1);
constexpr int looks_at_clock = 4;  // handlers from one look to the next
constexpr auto tick = std::chrono::milliseconds(50);
constexpr std::size_t kept_buffers = 32;
constexpr std::size_t kept_capacity = std::size_t{64} * 1024;

static_assert(readable == EPOLLIN && writable == EPOLLOUT);

std::uint32_t events_of(unsigned watched) {
  std::uint32_t events = watched & (readable | writable);
  if ((watched & once) == 0) return events;
  events |= EPOLLET;
  // Who is told once must know that the end stands behind what it reads.
  if ((watched & readable) != 0) events |= EPOLLRDHUP;
  return events;
}

}  // namespace

boost::asio::execution_context::id poller::id;

poller::poller(boost::asio::io_context& io)
    : boost::asio::execution_context::service(io),
      io_(io),
      set_(::epoll_create1(EPOLL_CLOEXEC)),
      epoll_(io),
      timer_(io) {
  if (set_ < 0) throw std::system_error(errno, std::system_category(), "cannot create an epoll set");
  epoll_.assign(set_);
}

poller::~poller() {
  if (wake_ >= 0) ::close(wake_);
  if (asio_ >= 0) ::close(set_);
}

void poller::shutdown() {
  deferred_.clear();
  deadlines_.clear();
}

void poller::lead() {
  // Neither set may hold the other twice.
  epoll_.cancel();
  (void)epoll_.release();
  waiting_ = false;
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  asio_ = asio_descriptor(io_);
  for (int* own : {&wake_, &asio_}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = own;
    if (*own < 0 || ::epoll_ctl(set_, EPOLL_CTL_ADD, *own, &event) != 0)
      throw std::system_error(errno, std::system_category(), "cannot wait for sockets");
  }
  asio_ready_ = true;  // what was posted until now
}

std::size_t poller::wait(std::int64_t timeout_ms) {
  const auto limit = pending() ? 0 : std::clamp<std::int64_t>(timeout_ms, 0, INT_MAX);
  auto done = dispatch(static_cast<int>(limit));
  if (!deferred_.empty()) done += run_deferred();
  if (asio_ready_) done += run_asio();
  return done;
}

void poller::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

std::size_t poller::run_asio() {
  asio_ready_ = false;
  std::size_t count = 0;
  while (count < most_of_asio && io_.poll_one() != 0) ++count;
  if (count == most_of_asio) asio_ready_ = true;
  return count;
}

bool poller::watch(int fd, ready_handler& handler, unsigned before, unsigned now) {
  if (before == now) return true;
  int operation = EPOLL_CTL_MOD;
  if (before == 0) operation = EPOLL_CTL_ADD;
  if (now == 0) operation = EPOLL_CTL_DEL;
  epoll_event event{};
  event.events = events_of(now);
  event.data.ptr = &handler;
  if (::epoll_ctl(set_, operation, fd, &event) != 0) return false;
  if (operation == EPOLL_CTL_ADD) ++watched_;
  if (operation == EPOLL_CTL_DEL) --watched_;
  if (asio_ >= 0) return true;
  if (operation == EPOLL_CTL_ADD && !waiting_) wait_by_asio();
  // Without sockets nothing may keep io_context::run() from returning.
  if (operation == EPOLL_CTL_DEL && watched_ == 0) epoll_.cancel();
  return true;
}

void poller::wait_by_asio() {
  waiting_ = true;
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      if (asio_ >= 0) return;
                      waiting_ = false;
                      if (!error) do dispatch(0); while (batch_next_ < batch_count_);
                      if (watched_ != 0 && !waiting_) wait_by_asio();
                    });
}

std::size_t poller::dispatch(int timeout_ms) {
  // What the last round had no time for comes first, or who is at the end would starve.
  if (batch_next_ == batch_count_) {
    const int count = ::epoll_wait(set_, batch_, batch_size, timeout_ms);
    if (count <= 0) return 0;
    batch_count_ = count;
    batch_next_ = 0;
    handshakes_ = 0;
  }
  const auto from = batch_next_;
  const bool several = batch_count_ - from > looks_at_clock;
  const auto end = several ? clock::now() + longest_round : clock::time_point::max();
  while (batch_next_ < batch_count_) {
    handle(batch_[batch_next_++]);
    if (several && (batch_next_ - from) % looks_at_clock == 0 && clock::now() >= end) break;
  }
  return static_cast<std::size_t>(batch_next_ - from);
}

void poller::handle(const epoll_event& event) {
  auto* const who = event.data.ptr;
  if (who == nullptr) return;
  if (who == &asio_) {
    asio_ready_ = true;
  } else if (who == &wake_) {
    std::uint64_t drained = 0;
    [[maybe_unused]] const auto got = ::read(wake_, &drained, sizeof drained);
  } else {
    unsigned events = event.events & (readable | writable);
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) events |= readable | writable | last;
    if ((event.events & EPOLLRDHUP) != 0) events |= last;
    static_cast<ready_handler*>(who)->on_ready(events);
  }
}

void poller::forget_events(const ready_handler& handler) noexcept {
  for (int i = batch_next_; i < batch_count_; ++i)
    if (batch_[i].data.ptr == &handler) batch_[i].data.ptr = nullptr;
}

void poller::defer(ready_handler& handler) {
  if (deferred_.empty() && asio_ < 0) boost::asio::post(io_, [this] { run_deferred(); });
  deferred_.push_back(&handler);
}

void poller::cancel_deferred(const ready_handler& handler) noexcept {
  std::replace(deferred_.begin(), deferred_.end(), const_cast<ready_handler*>(&handler),
               static_cast<ready_handler*>(nullptr));
  std::replace(running_.begin(), running_.end(), const_cast<ready_handler*>(&handler),
               static_cast<ready_handler*>(nullptr));
}

std::size_t poller::run_deferred() {
  std::swap(running_, deferred_);
  const auto count = running_.size();
  for (std::size_t i = 0; i < running_.size(); ++i)
    if (auto* handler = std::exchange(running_[i], nullptr)) handler->on_deferred();
  running_.clear();
  return count;
}

void poller::set_deadline(ready_handler& handler, std::chrono::steady_clock::time_point when) {
  deadlines_[&handler] = when;
  if (!timer_running_) start_timer();
}

void poller::cancel_deadline(ready_handler& handler) {
  if (deadlines_.erase(&handler) != 0 && deadlines_.empty()) timer_.cancel();
}

void poller::start_timer() {
  timer_running_ = true;
  timer_.expires_after(tick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    timer_running_ = false;
    if (!error) run_deadlines();
    if (!deadlines_.empty() && !timer_running_) start_timer();
  });
}

void poller::run_deadlines() {
  auto now = std::chrono::steady_clock::now();
  std::vector<ready_handler*> due;
  for (const auto& [handler, when] : deadlines_)
    if (when <= now) due.push_back(handler);
  // A handler that is told may destroy another one: ask the map each time.
  for (auto* handler : due) {
    auto found = deadlines_.find(handler);
    if (found == deadlines_.end() || found->second > now) continue;
    deadlines_.erase(found);
    handler->on_deadline();
  }
}

std::string poller::take_buffer() {
  if (buffers_.empty()) return {};
  std::string buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void poller::give_buffer(std::string&& buffer) {
  std::string mine = std::move(buffer);
  buffer = std::string();
  if (buffers_.size() >= kept_buffers || mine.capacity() > kept_capacity) return;
  mine.clear();
  buffers_.push_back(std::move(mine));
}

}  // namespace troupe::net
