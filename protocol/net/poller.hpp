#pragma once

#include "protocol/net/ready_handler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <sys/epoll.h>
#include <unordered_map>
#include <vector>

namespace troupe::net {

/// Readiness of all sockets of one run loop: an epoll set inside Asio's.
///
/// One per io_context, got by boost::asio::use_service<poller>(io), gone with it.
/// Asio sees one descriptor, so that a socket costs no memory in Asio and no
/// epoll_ctl() per message (async_wait() arms anew each time); see README.md.
/// Whoever leaves calls forget() first. Only the loop's thread may call it.
class poller final : public boost::asio::execution_context::service {
 public:
  static boost::asio::execution_context::id id;

  explicit poller(boost::asio::io_context& io);
  ~poller() override;

  /// Changes what `fd` is watched for from `before` to `now`; 0 is not at all.
  /// False if the kernel refuses (out of memory or watches).
  [[nodiscard]] bool watch(int fd, ready_handler& handler, unsigned before, unsigned now);

  /// on_deferred() follows soon, from outside of any call in progress. Once per call.
  void defer(ready_handler& handler);

  /// on_deadline() follows at or up to 50 ms after `when`; replaces an earlier one.
  void set_deadline(ready_handler& handler, std::chrono::steady_clock::time_point when);
  void cancel_deadline(ready_handler& handler);

  /// Drops events that were fetched but not yet reported. After watch(..., 0).
  void forget_events(const ready_handler& handler) noexcept;
  void cancel_deferred(const ready_handler& handler) noexcept;

  /// True for a few callers in each round of events; who is refused stays
  /// watched and asks again when it is told that it is ready.
  bool may_handshake() noexcept { return handshakes_++ < max_handshakes; }

  /// Output buffers go round here, so that a busy loop does not allocate one per
  /// message and an idle connection keeps none.
  [[nodiscard]] std::string take_buffer();
  void give_buffer(std::string&& buffer);

 private:
  static constexpr int batch_size = 32;
  static constexpr unsigned max_handshakes = 2;

  void shutdown() override;
  void wait();
  void dispatch();
  void run_deferred();
  void start_timer();
  void run_deadlines();

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor epoll_;
  boost::asio::steady_timer timer_;
  std::size_t watched_ = 0;
  bool waiting_ = false;
  bool timer_running_ = false;
  int batch_count_ = 0;
  unsigned handshakes_ = 0;
  epoll_event batch_[batch_size];
  std::vector<ready_handler*> deferred_;
  std::vector<ready_handler*> running_;
  std::unordered_map<ready_handler*, std::chrono::steady_clock::time_point> deadlines_;
  std::vector<std::string> buffers_;
};

}  // namespace troupe::net
