#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/mqtt/encoder.hpp"
#include "protocol/mqtt/message.hpp"

namespace troupe::broker {

/// Messages of one topic for many receivers, one after the other: one list for
/// all of them, and one encoding for all that get it at QoS 0. Filled by a
/// topic shard, then immutable; any thread.
class fan_out {
 public:
  /// Without a flag of its own for some receivers: no retained messages.
  void add(mqtt::message_ptr message) {
    payload_bytes_ += message->payload().size();
    if (message->expires_at() != 0) expires_ = true;
    if (message->timed()) timed_ = message.get();
    messages_.push_back(std::move(message));
  }

  const std::vector<mqtt::message_ptr>& messages() const noexcept { return messages_; }
  std::size_t payload_bytes() const noexcept { return payload_bytes_; }
  /// The latest of them that is timed, or null.
  const mqtt::message* timed() const noexcept { return timed_; }
  /// Whether the packets have no field that differs between receivers at `level`.
  bool alike_at(mqtt::qos level) const noexcept {
    return !expires_ && level == mqtt::qos::at_most_once;
  }
  /// The PUBLISH packets at QoS 0.
  const std::string& packets(mqtt::protocol_version version) const {
    auto& form = forms_[version == mqtt::protocol_version::v5 ? 1 : 0];
    std::call_once(form.made, [&] {
      for (const auto& message : messages_)
        mqtt::encode_publish(form.bytes, *message, {}, version);
    });
    return form.bytes;
  }

 private:
  struct encoded {
    std::once_flag made;
    std::string bytes;
  };

  std::vector<mqtt::message_ptr> messages_;
  std::size_t payload_bytes_ = 0;
  const mqtt::message* timed_ = nullptr;
  bool expires_ = false;
  mutable std::array<encoded, 2> forms_;
};

}  // namespace troupe::broker
