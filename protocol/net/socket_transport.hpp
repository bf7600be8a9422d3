#pragma once

#include "protocol/net/loop_context.hpp"
#include "protocol/net/ready_handler.hpp"
#include "protocol/net/transport.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace troupe::net {

class poller;
class proxy_header_decoder;

/// A transport over a connected stream socket: TCP or Unix as it is, the base of TLS.
///
/// idle -> handshaking -> open -> flushing -> draining -> closed; errors lead to
/// closed from everywhere. Input is read into the loop's buffer, so an idle
/// connection is this object and nothing else. May be destroyed in any call to
/// its handler; no call follows then.
class socket_transport : public transport, private ready_handler {
 public:
  /// Owns `fd`. Output beyond `max_output` bytes closes the connection; 0 is no limit.
  socket_transport(const loop_context& loop, int fd, peer_info peer, std::size_t max_output);
  ~socket_transport() override;
  socket_transport(const socket_transport&) = delete;
  socket_transport& operator=(const socket_transport&) = delete;

  /// A PROXY header must come before everything else and says who the peer is.
  /// Before start().
  void expect_proxy_header();

  void start(transport_handler& handler) final;
  void write(std::string_view bytes) final;
  void flush() final;
  std::size_t pending() const noexcept final { return output_.size() - sent_; }
  void notify_below(std::size_t bytes) final;
  void pause_reading() final { paused_ = true; }
  void resume_reading() final;
  void close() final;
  void abort() final;
  const peer_info& peer() const noexcept final { return peer_; }

 protected:
  enum class outcome : std::uint8_t { moved, want_read, want_write, ended, failed };
  struct transfer {
    outcome result;
    std::size_t bytes = 0;
  };

  /// One step of the handshake; `moved` when it is done.
  virtual transfer handshake() { return {outcome::moved}; }
  /// Whether a step of it computes for long, so that they are spread over time.
  virtual bool costly_handshake() const noexcept { return false; }
  /// Non-blocking. `failed` leaves the reason in failure().
  virtual transfer receive(std::span<char> buffer);
  virtual transfer send(std::string_view bytes);
  /// Input that the kernel will not announce again.
  virtual bool has_buffered_input() const noexcept { return unread_; }
  /// Whether a read that does not fill its buffer has taken all that the kernel had: the kernel
  /// then needs to announce new input only.
  virtual bool short_reads_are_last() const noexcept { return true; }
  /// Tells the peer that no more comes, before the socket does.
  virtual void end_output() {}

  void set_failure(std::string why) { reason_ = std::move(why); }
  /// Nothing happens where a proxy has spoken of the client's TLS: this is the proxy's own.
  void set_certificate(std::string name, std::string subject);
  int descriptor() const noexcept { return fd_; }
  /// recv() and send() with errno as outcome and reason.
  transfer receive_raw(std::span<char> buffer);
  transfer send_raw(std::string_view bytes);

 private:
  enum class phase : std::uint8_t { idle, handshaking, open, flushing, draining, closed };

  void on_ready(unsigned events) final;
  void on_deferred() final;
  void on_deadline() final;

  void step_handshake();
  bool read_proxy_header();
  void take_proxied();
  void pull_input();
  void push_output();
  void discard_input();
  void release_output();
  void linger();
  void finish(std::string why, bool reset = false);
  void report_closed();
  void update_interest();
  void request_call();
  void check_drained();
  template <class Call>
  bool call_handler(Call&& call);

  poller& poller_;
  transport_handler* handler_ = nullptr;
  std::span<char> scratch_;
  std::string output_;
  std::size_t sent_ = 0;  // of output_
  std::size_t max_output_;
  std::size_t notify_below_ = 0;
  bool* destroyed_ = nullptr;  // set while the handler is called
  int fd_;
  phase phase_ = phase::idle;
  std::uint8_t watched_ = 0;
  std::uint8_t discarded_ = 0;
  bool paused_ = false;
  bool ends_ = false;    // the peer has ended its side; input may stand before that
  bool unread_ = false;  // input may be left that is not announced again
  bool deferred_ = false;
  bool write_blocked_ = false;
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  bool proxied_tls_ = false;  // between the client and the proxy
  std::string reason_;
  std::unique_ptr<proxy_header_decoder> proxy_header_;  // until it has come
  peer_info peer_;
};

}  // namespace troupe::net
