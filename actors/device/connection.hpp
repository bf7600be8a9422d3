#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/broker/device_port.hpp"
#include "actors/broker/messages.hpp"
#include "actors/device/listener_settings.hpp"
#include "actors/runtime/flushable.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/framing.hpp"
#include "protocol/net/loop_context.hpp"
#include "protocol/net/transport.hpp"
#include "protocol/session/alias_table.hpp"

namespace troupe::device {

class device_loop;

/// One device's connection: bytes to packets and back, the CONNECT exchange,
/// keep-alive, write buffer and credit. A plain object on one run loop.
///
///     handshake -> connecting -> authenticating -> opening -> open -> closing
///
/// A client that leaves while it is `opening` is `abandoned`: the connection
/// waits for its session only to tell it so.
///
/// All packets of one read become one message to the session; what the session
/// answers in a turn leaves in one system call at its end. The one timer is the
/// connect timeout first and the keep-alive later.
class connection final : public broker::device_port,
                         private net::transport_handler,
                         private runtime::flushable,
                         private runtime::timer_entry {
 public:
  connection(device_loop& owner, std::uint64_t number,
             std::shared_ptr<const listener_settings> settings,
             std::shared_ptr<std::atomic<std::uint64_t>> listener_count);
  ~connection() override;

  void start(const net::loop_context& net, int fd, std::string peer, bool loopback);
  /// Reading may go on: the shards are done with enough of what it sent.
  void credit_returned();
  void store_caught_up();
  /// Has the session tell the client to use another server. False: it is not there
  /// yet, or leaves already.
  bool send_elsewhere();

  // broker::device_port
  void accepted(session_id id, caf::strong_actor_ptr session, broker::device_owner& owner,
                const mqtt::connack_packet& connack) override;
  void refused(mqtt::reason_code reason, std::string_view sentence) override;
  void send(const session::publish_out& publish) override;
  bool send(const broker::fan_out& messages) override;
  void send(const mqtt::ack_packet& ack) override;
  void send(const mqtt::suback_packet& suback) override;
  void send_pingresp() override;
  bool writable() override;
  void disconnect(mqtt::reason_code reason, std::string_view sentence) override;
  void close() override;
  broker::device_view look() const override;

 private:
  enum class state : std::uint8_t {
    handshake,
    connecting,
    authenticating,
    opening,
    abandoned,
    open,
    closing,
  };
  class gauge;
  /// What only a connection in its CONNECT or AUTH exchange needs.
  struct admission {
    broker::connect_order_ptr order;
    std::unique_ptr<auth::exchange> exchange;
    std::string method;
    bool again = false;  // re-authentication of an open connection
  };

  // net::transport_handler
  void on_open(const net::peer_info& peer) override;
  void on_read(std::string_view bytes) override;
  void on_drained() override;
  void on_closed(std::string_view why) override;
  void flush_turn() override;
  void on_timer() override;

  // connection.cpp
  void consume(std::string_view bytes);
  std::size_t parse(std::string_view bytes);
  bool on_frame(const mqtt::frame& frame);
  bool on_publish(const mqtt::frame& frame);
  bool on_ack(const mqtt::frame& frame);
  template <class Packet>
  bool add(mqtt::decoded<Packet> packet);
  void hand_over(std::size_t bytes);
  bool fail(mqtt::reason_code reason, const char* sentence);
  // Reasons for not reading.
  static constexpr unsigned by_admission = 1;
  static constexpr unsigned by_credit = 2;
  static constexpr unsigned by_store = 4;
  void pause(unsigned why);
  void resume(unsigned why);
  void keep_alive(std::uint16_t seconds);
  void close(std::string_view why);
  void leave(std::string_view why);
  void forget();
  void no_longer_in_progress();

  // connection_admission.cpp
  bool on_connect(const mqtt::frame& frame);
  bool redirected();
  bool banned();
  void authenticate();
  void admit(auth::verdict verdict);
  bool on_auth(const mqtt::frame& frame);
  void step(std::string_view data);
  void stepped(auth::outcome outcome);
  auth::credentials shown() const;

  template <class Packet>
  void write(const Packet& packet, unsigned type);
  std::string server_reference(mqtt::reason_code reason) const;

  device_loop& loop_;
  std::shared_ptr<const listener_settings> settings_;
  std::shared_ptr<std::atomic<std::uint64_t>> listener_count_;
  std::unique_ptr<net::transport> transport_;
  std::unique_ptr<admission> admission_;
  std::unique_ptr<session::inbound_aliases> aliases_in_;
  std::unique_ptr<session::outbound_aliases> aliases_out_;
  std::shared_ptr<gauge> gauge_;
  std::string rest_;                             // begin of a packet
  caf::strong_actor_ptr session_;
  broker::device_owner* owner_ = nullptr;
  const std::uint64_t number_;
  std::uint64_t session_id_ = 0;
  std::int64_t heard_at_ = 0;
  std::int64_t connect_due_ = 0;
  std::uint32_t client_packet_limit_ = 0;
  std::uint16_t keep_alive_ = 0;  // seconds, 0: off
  mqtt::protocol_version version_ = mqtt::protocol_version::v5;
  state state_ = state::handshake;
  std::uint8_t paused_ = 0;
  bool problem_information_ = true;
  bool drain_wanted_ = false;
  bool in_progress_ = true;  // for the gate of the node
};

}  // namespace troupe::device
