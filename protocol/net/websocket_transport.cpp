#include "protocol/net/websocket_transport.hpp"

#include <algorithm>
#include <utility>

namespace troupe::net {
namespace {

// Whoever sends pings and does not read the answers gets no more of them.
constexpr std::size_t max_pending_for_pong = std::size_t{64} * 1024;
constexpr std::string_view end_of_head = "\r\n\r\n";

}  // namespace

websocket_transport::websocket_transport(std::unique_ptr<transport> below, std::span<char> scratch,
                                         std::shared_ptr<const websocket_settings> settings)
    : below_(std::move(below)),
      scratch_(scratch),
      settings_(std::move(settings)),
      decoder_(settings_->max_frame_bytes) {}

websocket_transport::~websocket_transport() {
  if (destroyed_ != nullptr) *destroyed_ = true;
}

void websocket_transport::start(transport_handler& handler) {
  handler_ = &handler;
  below_->start(*this);
}

void websocket_transport::write(std::string_view bytes) {
  if (bytes.empty()) return;
  if (phase_ == phase::upgrading) early_.append(bytes);
  if (phase_ != phase::open) return;
  below_->write(binary_header(bytes.size()).view());
  below_->write(bytes);
}

void websocket_transport::flush() {
  if (phase_ == phase::open) below_->flush();
}

void websocket_transport::close() {
  if (phase_ == phase::open) return end(close_code::normal, {});
  phase_ = phase::closing;
  below_->close();
}

void websocket_transport::abort() {
  phase_ = phase::closing;
  below_->abort();
}

void websocket_transport::end(close_code code, std::string why) {
  phase_ = phase::closing;
  why_ = std::move(why);
  below_->write(make_close_frame(code));
  below_->close();
}

void websocket_transport::on_read(std::string_view bytes) {
  if (phase_ == phase::upgrading) return read_head(bytes);
  // The view is of our loop's buffer, where we may write.
  auto at = static_cast<std::size_t>(bytes.data() - scratch_.data());
  if (phase_ == phase::open) take_frames(scratch_.subspan(at, bytes.size()));
}

void websocket_transport::read_head(std::string_view bytes) {
  std::size_t searched = head_.size() - std::min(head_.size(), end_of_head.size() - 1);
  head_.append(bytes);
  // Spare whoever came with MQTT to the wrong port the wait for a time-out.
  bool http = head_[0] >= 'A' && head_[0] <= 'Z';
  std::size_t end = http ? head_.find(end_of_head, searched) : 0;
  if (end == std::string::npos && head_.size() <= max_upgrade_bytes) return;
  if (end == std::string::npos || end > max_upgrade_bytes) return refuse(refuse_long_upgrade());
  if (http) end += end_of_head.size();
  upgrade_answer answer = answer_upgrade(std::string_view(head_).substr(0, end), *settings_);
  if (!answer.accepted) return refuse(answer);
  open(answer, head_.substr(end));
}

void websocket_transport::refuse(const upgrade_answer& answer) {
  phase_ = phase::closing;
  why_ = answer.why;
  head_ = {};
  below_->write(answer.response);
  below_->close();
}

void websocket_transport::open(const upgrade_answer& answer, std::string&& rest) {
  phase_ = phase::open;
  settings_.reset();
  head_ = {};
  below_->write(answer.response);
  if (!early_.empty()) write(std::exchange(early_, {}));
  below_->flush();
  bool destroyed = false;
  destroyed_ = &destroyed;
  handler_->on_open(below_->peer());
  if (destroyed) return;
  destroyed_ = nullptr;
  if (phase_ == phase::open && !rest.empty()) take_frames(rest);
}

void websocket_transport::take_frames(std::span<char> bytes) {
  std::string replies;
  std::string_view payload = decoder_.decode(bytes, replies);
  if (!replies.empty() && below_->pending() <= max_pending_for_pong) {
    below_->write(replies);
    below_->flush();
  }
  if (!payload.empty()) {
    bool destroyed = false;
    destroyed_ = &destroyed;
    handler_->on_read(payload);
    if (destroyed) return;
    destroyed_ = nullptr;
  }
  if (phase_ == phase::open && decoder_.finished()) end(decoder_.code(), decoder_.why());
}

void websocket_transport::on_drained() {
  handler_->on_drained();
}

void websocket_transport::on_closed(std::string_view why) {
  phase_ = phase::closing;
  std::string mine = why_.empty() ? std::string(why) : std::move(why_);
  if (auto* handler = std::exchange(handler_, nullptr)) handler->on_closed(mine);
}

}  // namespace troupe::net
