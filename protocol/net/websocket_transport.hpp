#pragma once

#include "protocol/net/transport.hpp"
#include "protocol/net/websocket_codec.hpp"
#include "protocol/net/websocket_upgrade.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace troupe::net {

/// MQTT in binary WebSocket frames over another transport, TCP or TLS.
///
/// upgrading -> open -> closing -> closed. Every write() is one frame, so that
/// nothing is copied or kept here.
class websocket_transport final : public transport, private transport_handler {
 public:
  /// `scratch` is the buffer that `below` reads into; payloads are unmasked there.
  websocket_transport(std::unique_ptr<transport> below, std::span<char> scratch,
                      std::shared_ptr<const websocket_settings> settings);
  ~websocket_transport() override;

  void start(transport_handler& handler) override;
  void write(std::string_view bytes) override;
  void flush() override;
  std::size_t pending() const noexcept override { return below_->pending() + early_.size(); }
  void notify_below(std::size_t bytes) override { below_->notify_below(bytes); }
  void pause_reading() override { below_->pause_reading(); }
  void resume_reading() override { below_->resume_reading(); }
  void close() override;
  void abort() override;
  const peer_info& peer() const noexcept override { return below_->peer(); }

 private:
  enum class phase : std::uint8_t { upgrading, open, closing };

  void on_open(const peer_info&) override {}
  void on_read(std::string_view bytes) override;
  void on_drained() override;
  void on_closed(std::string_view why) override;

  void read_head(std::string_view bytes);
  void refuse(const upgrade_answer& answer);
  void open(const upgrade_answer& answer, std::string&& rest);
  void take_frames(std::span<char> bytes);
  void end(close_code code, std::string why);

  std::unique_ptr<transport> below_;
  transport_handler* handler_ = nullptr;
  std::span<char> scratch_;
  std::shared_ptr<const websocket_settings> settings_;  // until open
  std::string head_;                                    // of the request, until open
  std::string early_;                                   // output written before open
  std::string why_;
  websocket_decoder decoder_;
  bool* destroyed_ = nullptr;  // set while the handler is called
  phase phase_ = phase::upgrading;
};

}  // namespace troupe::net
