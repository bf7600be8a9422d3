#pragma once

#include "protocol/mqtt/framing.hpp"
#include "tools/troupe-bench/engine/byte_stream.hpp"
#include "tools/troupe-bench/engine/run_plan.hpp"
#include "tools/troupe-bench/engine/websocket_client.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::bench {

class worker;

/// Where a client connects and what its session is.
struct client_terms {
  std::string client_id;
  const endpoint* to = nullptr;
  const endpoint* source = nullptr;  // null: the system chooses
  bool clean = true;
  std::uint32_t session_expiry = 0;  // seconds; version 3.1.1 keeps a session if it is not clean
  bool reset = false;                // ends with RST: the port is free again at once
};

/// One MQTT client on a worker's thread; everything is called there. It writes
/// once per turn of the worker and reads until nothing is left.
///
///     idle -> connecting -> securing -> upgrading -> greeting -> open -> closed
class client {
 public:
  client(worker& home, const connect_settings& how, client_terms terms);
  virtual ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  // For the worker.
  void open();
  void on_events(std::uint32_t events);
  void read_more();
  void flush();
  void on_second();
  int descriptor() const noexcept { return stream_ ? stream_->descriptor() : -1; }
  bool known_to_worker() const noexcept { return known_; }
  void set_known_to_worker() noexcept { known_ = true; }

  /// Says DISCONNECT and closes; counted as closed.
  void leave();
  /// Closes without a word; may be opened again.
  void drop();
  bool is_open() const noexcept { return at_ == state::open; }
  const client_terms& terms() const noexcept { return terms_; }
  /// Other terms for the next open(), which counts as due at `due` by the monotonic
  /// clock, 0: when it is called. Only while there is no connection.
  void become(client_terms terms, std::int64_t due);

 protected:
  /// CONNACK was good.
  virtual void on_open(bool session_present) = 0;
  /// A packet other than CONNACK, PINGRESP and DISCONNECT. `now`: of this read.
  virtual void on_packet(const mqtt::frame& packet, std::int64_t now) = 0;

  worker& home() noexcept { return home_; }
  mqtt::protocol_version version() const noexcept { return how_.version; }
  /// For packets; they leave at the end of the turn.
  std::string& out();
  /// Asks for one filter; the answer comes to on_packet().
  void subscribe(const std::string& filter, mqtt::qos level);
  /// Appends an acknowledgement, types 4 to 7.
  void acknowledge(mqtt::packet_type type, mqtt::packet_id id);
  std::size_t unsent() const noexcept { return wire_.size() - sent_ + out_.size(); }
  std::uint16_t receive_maximum() const noexcept { return receive_maximum_; }
  /// When the latest bytes were read, ns.
  std::int64_t read_at() const noexcept { return now_; }
  /// When this connection was begun or was due, ns.
  std::int64_t begun_at() const noexcept { return begun_at_; }
  /// Ends the connection; the run tells `sentence`.
  void fail(const std::string& sentence);

 private:
  enum class state : std::uint8_t {
    idle,
    connecting,
    securing,
    upgrading,
    greeting,
    open,
    closed,
  };

  bool being_opened() const noexcept { return at_ > state::idle && at_ < state::open; }
  void opening_is_over() noexcept;
  void go_on();
  void secured();
  void greet();
  void read();
  void take(std::span<char> bytes);
  void take_mqtt(std::string_view bytes);
  std::size_t take_packets(std::string_view bytes);
  void handle(const mqtt::frame& packet);
  void handle_connack(const mqtt::frame& packet);
  void end();

  worker& home_;
  const connect_settings& how_;
  client_terms terms_;
  std::unique_ptr<byte_stream> stream_;
  std::unique_ptr<websocket_client> websocket_;
  std::string out_;   // MQTT, not yet framed
  std::string wire_;  // on its way, from sent_
  std::size_t sent_ = 0;
  std::string partial_;  // the beginning of a packet
  std::int64_t now_ = 0;
  std::int64_t due_ = 0;  // of the next open()
  std::int64_t begun_at_ = 0;
  std::uint32_t last_sent_ = 0;  // second
  std::uint32_t opened_at_ = 0;  // second
  std::uint16_t receive_maximum_ = 65535;
  state at_ = state::idle;
  bool known_ = false;
  bool dirty_ = false;
  bool blocked_ = false;  // the socket takes no more
};

}  // namespace troupe::bench
