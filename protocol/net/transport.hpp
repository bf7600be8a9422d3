#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::net {

/// Who is at the other end, known once the handshakes are done. Behind a proxy
/// that sends PROXY headers all of it is the client's, as the proxy tells it.
struct peer_info {
  std::string address;    // "192.0.2.1:40000", "[::1]:40000" or "unix"
  bool loopback = false;  // loopback address or Unix socket
  bool tls = false;
  bool websocket = false;
  /// The PROXY header that the listener asks for has not come (yet); address is the proxy's.
  bool awaits_proxy_header = false;
  /// The verified client certificate, or null: most show none.
  struct certificate_names {
    std::string common_name;
    std::string subject;  // RFC 2253; a proxy does not tell it
  };
  std::shared_ptr<const certificate_names> certificate;

  std::string certificate_name() const { return certificate ? certificate->common_name : std::string(); }
  std::string certificate_subject() const { return certificate ? certificate->subject : std::string(); }
};

/// The user of a transport. Called on the transport's run loop only. The
/// handler outlives the transport or is told on_closed() before it goes.
class transport_handler {
 public:
  virtual ~transport_handler() = default;
  /// Once, when bytes of MQTT may flow.
  virtual void on_open(const peer_info& peer) = 0;
  /// Views a buffer of the run loop, valid during the call: take all of it.
  virtual void on_read(std::string_view bytes) = 0;
  /// Pending output has fallen below half of what made write() say so.
  virtual void on_drained() = 0;
  /// Last call, exactly once; never from within a call of the handler's own.
  virtual void on_closed(std::string_view why) = 0;
};

/// A byte stream to a device over TCP, TLS, WebSocket or a Unix socket. Lives
/// on one run loop; not thread-safe. An idle one keeps no buffers.
class transport {
 public:
  virtual ~transport() = default;
  /// Begins the handshakes, then reading.
  virtual void start(transport_handler& handler) = 0;
  /// Takes bytes to send; nothing leaves before flush(). Never blocks.
  virtual void write(std::string_view bytes) = 0;
  /// Sends what was written with as few system calls as possible; the rest
  /// follows when the socket takes it.
  virtual void flush() = 0;
  /// Bytes written and not yet taken by the kernel.
  virtual std::size_t pending() const noexcept = 0;
  /// on_drained() follows once when pending() falls to this or below; 0 cancels.
  virtual void notify_below(std::size_t bytes) = 0;
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;
  /// Sends what is pending for at most 2 seconds, then closes in good order.
  virtual void close() = 0;
  /// Drops what is pending and closes.
  virtual void abort() = 0;
  virtual const peer_info& peer() const noexcept = 0;
};

}  // namespace troupe::net
