#include "protocol/net/socket_transport.hpp"

#include "protocol/net/peer/proxy_header.hpp"
#include "protocol/net/poller.hpp"

#include <cerrno>
#include <chrono>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace troupe::net {
namespace {

constexpr auto flush_limit = std::chrono::seconds(2);
constexpr auto drain_limit = std::chrono::seconds(1);
constexpr int max_reads_per_wake_up = 4;
constexpr std::uint8_t max_discards = 64;
constexpr std::size_t compact_from = std::size_t{64} * 1024;

std::string sentence(int error) {
  if (error == ECONNRESET) return "connection reset by the peer";
  if (error == EPIPE) return "connection closed by the peer";
  return "connection failed: " + std::system_category().message(error);
}

}  // namespace

socket_transport::socket_transport(const loop_context& loop, int fd, peer_info peer,
                                   std::size_t max_output)
    : poller_(boost::asio::use_service<poller>(loop.io)),
      scratch_(loop.scratch),
      max_output_(max_output),
      fd_(fd),
      peer_(std::move(peer)) {}

socket_transport::~socket_transport() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  if (phase_ != phase::closed) {
    handler_ = nullptr;
    finish({});
  }
  if (deferred_) poller_.cancel_deferred(*this);
  poller_.forget_events(*this);
}

/// Calls the handler; false if it destroyed this object.
template <class Call>
bool socket_transport::call_handler(Call&& call) {
  bool destroyed = false;
  // Handlers do not nest: every call starts from the poller.
  destroyed_ = &destroyed;
  call();
  if (destroyed) return false;
  destroyed_ = nullptr;
  return true;
}

void socket_transport::start(transport_handler& handler) {
  if (phase_ != phase::idle) return;
  handler_ = &handler;
  phase_ = phase::handshaking;
  request_call();
}

void socket_transport::write(std::string_view bytes) {
  if (phase_ > phase::open || bytes.empty()) return;
  if (max_output_ != 0 && pending() + bytes.size() > max_output_) {
    finish("the peer does not read: more than " + std::to_string(max_output_) +
               " bytes wait to be sent",
           true);
    return;
  }
  if (output_.capacity() <= std::string().capacity() &&
      output_.size() + bytes.size() > output_.capacity()) {
    std::string buffer = poller_.take_buffer();
    buffer.append(output_);
    output_ = std::move(buffer);
  }
  if (sent_ >= compact_from && sent_ >= output_.size() / 2) {
    output_.erase(0, sent_);
    sent_ = 0;
  }
  output_.append(bytes);
}

void socket_transport::flush() {
  if (phase_ != phase::open || write_blocked_) return;
  push_output();
  update_interest();
}

void socket_transport::notify_below(std::size_t bytes) {
  notify_below_ = bytes;
  check_drained();
}

void socket_transport::check_drained() {
  if (notify_below_ != 0 && phase_ == phase::open && pending() <= notify_below_) request_call();
}

void socket_transport::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  if (phase_ != phase::open) return;
  update_interest();
  if (has_buffered_input()) request_call();
}

void socket_transport::close() {
  if (phase_ == phase::idle) return finish({});
  if (phase_ == phase::handshaking) {
    set_failure("closed before the handshake was done");
    return linger();
  }
  if (phase_ != phase::open) return;
  set_failure("closed by the broker");
  phase_ = phase::flushing;
  if (!write_blocked_) push_output();
  if (phase_ != phase::flushing) return;
  if (output_.empty()) return linger();
  poller_.set_deadline(*this, std::chrono::steady_clock::now() + flush_limit);
  update_interest();
}

void socket_transport::abort() {
  if (phase_ == phase::closed) return;
  finish("closed by the broker", true);
}

void socket_transport::set_certificate(std::string name, std::string subject) {
  if (proxied_tls_) return;
  peer_.certificate = std::make_shared<const peer_info::certificate_names>(
      peer_info::certificate_names{std::move(name), std::move(subject)});
}

// --- calls by the poller ---------------------------------------------------

void socket_transport::on_ready(unsigned events) {
  ends_ = ends_ || (events & last) != 0;
  switch (phase_) {
    case phase::handshaking:
      return step_handshake();
    case phase::open: {
      unsigned for_write = write_wants_read_ ? readable : writable;
      unsigned for_read = readable | (read_wants_write_ ? writable : 0);
      if (write_blocked_ && (events & for_write) != 0) push_output();
      if (phase_ == phase::open && (events & for_read) != 0) {
        unread_ = unread_ || paused_;
        return pull_input();
      }
      return update_interest();
    }
    case phase::flushing:
      push_output();
      if (phase_ == phase::flushing && output_.empty()) linger();
      return update_interest();
    case phase::draining:
      return discard_input();
    case phase::idle:
    case phase::closed:
      return;
  }
}

void socket_transport::on_deferred() {
  deferred_ = false;
  if (phase_ == phase::closed) return report_closed();
  if (phase_ == phase::handshaking) return step_handshake();
  if (phase_ != phase::open) return;
  if (notify_below_ != 0 && pending() <= notify_below_) {
    notify_below_ = 0;
    if (!call_handler([this] { handler_->on_drained(); })) return;
  }
  if (phase_ == phase::open && has_buffered_input()) pull_input();
}

void socket_transport::on_deadline() {
  if (phase_ == phase::flushing)
    return finish("closed by the broker, which waited 2 s in vain for the peer to read", true);
  if (phase_ == phase::draining) finish(std::move(reason_));
}

// --- phases ----------------------------------------------------------------

void socket_transport::step_handshake() {
  if (proxy_header_ != nullptr && !read_proxy_header()) return;
  // Public-key operations take a millisecond: others wait for the next round,
  // or a flood of them would keep everybody else from being served.
  if (costly_handshake() && !poller_.may_handshake()) return update_interest();
  read_wants_write_ = false;
  switch (handshake().result) {
    case outcome::moved:
      break;
    case outcome::want_write:
      read_wants_write_ = true;
      return update_interest();
    case outcome::want_read:
      return update_interest();
    case outcome::ended:
      return finish("closed by the peer during the handshake");
    case outcome::failed:
      // The alert that says why must reach the peer.
      return linger();
  }
  phase_ = phase::open;
  if (!call_handler([this] { handler_->on_open(peer_); })) return;
  if (phase_ != phase::open) return;
  flush();
  if (phase_ == phase::open && has_buffered_input()) request_call();
}

void socket_transport::pull_input() {
  read_wants_write_ = false;
  std::size_t taken = 0;
  for (int i = 0; i < max_reads_per_wake_up && !paused_ && taken < scratch_.size(); ++i) {
    transfer got = receive(scratch_);
    if (got.result == outcome::ended) return finish("closed by the peer");
    if (got.result == outcome::failed) return finish(std::move(reason_));
    if (got.result != outcome::moved) {
      unread_ = false;
      read_wants_write_ = got.result == outcome::want_write;
      break;
    }
    taken += got.bytes;
    unread_ = ends_ || got.bytes == scratch_.size();
    std::string_view bytes(scratch_.data(), got.bytes);
    if (!call_handler([&] { handler_->on_read(bytes); })) return;
    if (phase_ != phase::open) return;
    // What is left in the kernel then is announced again.
    if (!has_buffered_input()) break;
  }
  if (!paused_ && has_buffered_input()) request_call();
  update_interest();
}

void socket_transport::push_output() {
  write_wants_read_ = false;
  write_blocked_ = false;
  while (sent_ < output_.size()) {
    std::string_view rest = std::string_view(output_).substr(sent_);
    transfer put = send(rest);
    if (put.result == outcome::ended) return finish("closed by the peer");
    if (put.result == outcome::failed) return finish(std::move(reason_));
    if (put.result != outcome::moved) {
      write_blocked_ = true;
      write_wants_read_ = put.result == outcome::want_read;
      break;
    }
    sent_ += put.bytes;
  }
  if (sent_ == output_.size()) release_output();
  check_drained();
}

void socket_transport::release_output() {
  if (output_.capacity() > std::string().capacity()) poller_.give_buffer(std::move(output_));
  output_.clear();
  sent_ = 0;
}

/// Ends the output and waits for the peer to do the same: closing a socket with
/// unread input would reset the connection and destroy the last packet.
void socket_transport::linger() {
  end_output();
  output_ = {};
  sent_ = 0;
  phase_ = phase::draining;
  // Mostly a client that has said DISCONNECT has ended its side as well.
  if (ends_) discard_input();
  if (phase_ != phase::draining) return;
  ::shutdown(fd_, SHUT_WR);
  poller_.set_deadline(*this, std::chrono::steady_clock::now() + drain_limit);
  update_interest();
}

void socket_transport::discard_input() {
  std::string why = reason_;
  transfer got = receive_raw(scratch_);
  reason_ = std::move(why);
  bool more = got.result == outcome::want_read || got.result == outcome::moved;
  if (!more || ++discarded_ >= max_discards) finish(std::move(reason_));
}

void socket_transport::finish(std::string why, bool reset) {
  if (phase_ == phase::closed) return;
  bool timed = phase_ == phase::flushing || phase_ == phase::draining;
  phase_ = phase::closed;
  reason_ = std::move(why);
  // Before the descriptor goes: its number may be used again at once.
  update_interest();
  if (timed) poller_.cancel_deadline(*this);
  if (reset) {
    struct ::linger hard {
      1, 0
    };
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  ::close(fd_);
  fd_ = -1;
  output_ = {};
  sent_ = 0;
  if (handler_ != nullptr) request_call();
}

void socket_transport::report_closed() {
  // The handler usually destroys this object.
  std::string why = std::move(reason_);
  if (auto* handler = std::exchange(handler_, nullptr)) handler->on_closed(why);
}

void socket_transport::request_call() {
  if (std::exchange(deferred_, true)) return;
  poller_.defer(*this);
}

void socket_transport::update_interest() {
  // Nothing is in the way, as mostly.
  if (phase_ == phase::open && watched_ == (readable | once) && !write_blocked_ &&
      !read_wants_write_ && short_reads_are_last())
    return;
  unsigned wanted = 0;
  switch (phase_) {
    case phase::handshaking:
      wanted = read_wants_write_ ? writable : readable;
      break;
    case phase::open:
      // Who is told once can be paused without a system call: at most one more call comes.
      if (!paused_ || write_wants_read_ || short_reads_are_last()) wanted |= readable;
      [[fallthrough]];
    case phase::flushing:
      if (write_blocked_) wanted |= write_wants_read_ ? readable : writable;
      if (read_wants_write_) wanted |= writable;
      if (phase_ == phase::open && wanted != 0 && short_reads_are_last()) wanted |= once;
      break;
    case phase::draining:
      wanted = readable;
      break;
    case phase::idle:
    case phase::closed:
      break;
  }
  if (wanted == watched_) return;
  unsigned before = std::exchange(watched_, static_cast<std::uint8_t>(wanted));
  if (poller_.watch(fd_, *this, before, wanted)) {
    if (wanted == 0) poller_.forget_events(*this);
    return;
  }
  int error = errno;
  watched_ = static_cast<std::uint8_t>(before);
  if (phase_ != phase::closed)
    finish("cannot watch the connection: " + std::system_category().message(error));
}

// --- plain sockets ---------------------------------------------------------

socket_transport::transfer socket_transport::receive_raw(std::span<char> buffer) {
  ssize_t got = 0;
  do {
    got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return {outcome::moved, static_cast<std::size_t>(got)};
  if (got == 0) return {outcome::ended};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {outcome::want_read};
  set_failure(sentence(errno));
  return {outcome::failed};
}

socket_transport::transfer socket_transport::send_raw(std::string_view bytes) {
  ssize_t put = 0;
  do {
    put = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (put < 0 && errno == EINTR);
  if (put >= 0) return {outcome::moved, static_cast<std::size_t>(put)};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {outcome::want_write};
  set_failure(sentence(errno));
  return {outcome::failed};
}

socket_transport::transfer socket_transport::receive(std::span<char> buffer) {
  return receive_raw(buffer);
}

socket_transport::transfer socket_transport::send(std::string_view bytes) {
  return send_raw(bytes);
}

}  // namespace troupe::net
