#pragma once

#include "protocol/net/ready_handler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/epoll.h>
#include <unordered_map>
#include <vector>

namespace troupe::net {

/// Readiness of all sockets of one run loop: an epoll set of its own, so that a
/// socket costs no memory in Asio and no epoll_ctl() per message (async_wait()
/// arms anew each time); see README.md.
///
/// One per io_context, got by boost::asio::use_service<poller>(io), gone with it.
/// At first Asio waits for the whole set as for one descriptor. After lead() it
/// is the other way round: wait() waits for the sockets and for Asio's
/// descriptor, one system call for each time that the loop sleeps.
/// Whoever leaves calls forget() first. Only the loop's thread may call it,
/// but for wake().
class poller final : public boost::asio::execution_context::service {
 public:
  static boost::asio::execution_context::id id;

  explicit poller(boost::asio::io_context& io);
  ~poller() override;

  /// From now on the owner of the loop calls wait() in place of io_context::run(). Once.
  void lead();
  /// Waits at most `timeout_ms` (0: not at all) for sockets, Asio or wake(), and
  /// has everything that is ready handled. Answers how much it was.
  std::size_t wait(std::int64_t timeout_ms);
  /// Ends a wait(). Any thread.
  void wake() noexcept;
  /// Something may have been posted to Asio: it is polled in the next wait().
  void asio_touched() noexcept { asio_ready_ = true; }
  /// The next wait() must not sleep.
  bool pending() const noexcept {
    return asio_ready_ || !deferred_.empty() || batch_next_ < batch_count_;
  }

  /// Changes what `fd` is watched for from `before` to `now`; 0 is not at all. What is ready
  /// at a change is reported, also `once`.
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
  static constexpr int batch_size = 64;
  static constexpr std::size_t most_of_asio = 256;  // handlers in one wait()
  static constexpr unsigned max_handshakes = 2;

  void shutdown() override;
  void wait_by_asio();
  std::size_t dispatch(int timeout_ms);
  void handle(const epoll_event& event);
  std::size_t run_asio();
  std::size_t run_deferred();
  void start_timer();
  void run_deadlines();

  boost::asio::io_context& io_;
  int set_;  // the epoll set
  boost::asio::posix::stream_descriptor epoll_;  // the same for Asio, until lead()
  boost::asio::steady_timer timer_;
  std::size_t watched_ = 0;
  int wake_ = -1;    // an eventfd, when it leads
  int asio_ = -1;    // Asio's epoll set, when it leads
  bool asio_ready_ = false;
  bool waiting_ = false;
  bool timer_running_ = false;
  int batch_count_ = 0;
  int batch_next_ = 0;  // those before it are handled
  unsigned handshakes_ = 0;
  epoll_event batch_[batch_size];
  std::vector<ready_handler*> deferred_;
  std::vector<ready_handler*> running_;
  std::unordered_map<ready_handler*, std::chrono::steady_clock::time_point> deadlines_;
  std::vector<std::string> buffers_;
};

}  // namespace troupe::net
