#include "protocol/net/poller.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::net {
namespace {

constexpr auto tick = std::chrono::milliseconds(50);
constexpr std::size_t kept_buffers = 32;
constexpr std::size_t kept_capacity = std::size_t{64} * 1024;

static_assert(readable == EPOLLIN && writable == EPOLLOUT);

}  // namespace

boost::asio::execution_context::id poller::id;

poller::poller(boost::asio::io_context& io)
    : boost::asio::execution_context::service(io), io_(io), epoll_(io), timer_(io) {
  int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "cannot create an epoll set");
  epoll_.assign(fd);
}

poller::~poller() = default;

void poller::shutdown() {
  deferred_.clear();
  deadlines_.clear();
}

bool poller::watch(int fd, ready_handler& handler, unsigned before, unsigned now) {
  if (before == now) return true;
  int operation = EPOLL_CTL_MOD;
  if (before == 0) operation = EPOLL_CTL_ADD;
  if (now == 0) operation = EPOLL_CTL_DEL;
  epoll_event event{};
  event.events = now;
  event.data.ptr = &handler;
  if (::epoll_ctl(epoll_.native_handle(), operation, fd, &event) != 0) return false;
  if (operation == EPOLL_CTL_ADD && watched_++ == 0 && !waiting_) wait();
  // Without sockets nothing may keep io_context::run() from returning.
  if (operation == EPOLL_CTL_DEL && --watched_ == 0) epoll_.cancel();
  return true;
}

void poller::wait() {
  waiting_ = true;
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const boost::system::error_code& error) {
                      waiting_ = false;
                      if (!error) dispatch();
                      if (watched_ != 0 && !waiting_) wait();
                    });
}

void poller::dispatch() {
  int count = ::epoll_wait(epoll_.native_handle(), batch_, batch_size, 0);
  if (count <= 0) return;
  batch_count_ = count;
  handshakes_ = 0;
  for (int i = 0; i < batch_count_; ++i) {
    auto* handler = static_cast<ready_handler*>(batch_[i].data.ptr);
    if (handler == nullptr) continue;
    unsigned events = batch_[i].events;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) events |= readable | writable;
    handler->on_ready(events & (readable | writable));
  }
  batch_count_ = 0;
}

void poller::forget_events(const ready_handler& handler) noexcept {
  for (int i = 0; i < batch_count_; ++i)
    if (batch_[i].data.ptr == &handler) batch_[i].data.ptr = nullptr;
}

void poller::defer(ready_handler& handler) {
  if (deferred_.empty()) boost::asio::post(io_, [this] { run_deferred(); });
  deferred_.push_back(&handler);
}

void poller::cancel_deferred(const ready_handler& handler) noexcept {
  std::replace(deferred_.begin(), deferred_.end(), const_cast<ready_handler*>(&handler),
               static_cast<ready_handler*>(nullptr));
  std::replace(running_.begin(), running_.end(), const_cast<ready_handler*>(&handler),
               static_cast<ready_handler*>(nullptr));
}

void poller::run_deferred() {
  std::swap(running_, deferred_);
  for (std::size_t i = 0; i < running_.size(); ++i)
    if (auto* handler = std::exchange(running_[i], nullptr)) handler->on_deferred();
  running_.clear();
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
