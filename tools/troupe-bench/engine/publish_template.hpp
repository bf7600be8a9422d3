#pragma once

#include "protocol/mqtt/packet.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace troupe::bench {

/// What every payload begins with, in the byte order of this machine: the one
/// that wrote it reads it.
struct stamp {
  std::uint32_t publisher = 0;
  std::uint32_t sequence = 0;
  std::int64_t intended = 0;  // when it was meant to leave, monotonic clock, ns
};
static_assert(sizeof(stamp) == 16);

/// A PUBLISH encoded once; only packet id and stamp change from message to message.
class publish_template {
 public:
  /// What a payload of so many bytes holds, before its stamp is written over the first of them.
  static std::string pattern(std::uint32_t payload_bytes);

  /// The number at the end of a numbered topic; UINT64_MAX: there is none.
  static std::uint64_t number_of(std::string_view topic) noexcept;

  publish_template() = default;
  /// The topic is `topic`, or with `numbered` "topic/0000000042" for message 42.
  /// A payload of 0 bytes has no stamp.
  publish_template(std::string topic, bool numbered, mqtt::qos level, bool retain,
                   std::uint32_t payload_bytes, mqtt::protocol_version version);

  std::size_t size() const noexcept { return bytes_.size(); }

  void append_to(std::string& out, mqtt::packet_id id, const stamp& with) const {
    const auto at = out.size();
    out.append(bytes_);
    char* const packet = out.data() + at;
    if (id_at_ != 0) {
      packet[id_at_] = static_cast<char>(id >> 8);
      packet[id_at_ + 1] = static_cast<char>(id & 0xFF);
    }
    if (number_at_ != 0) write_number(packet + number_at_, with.sequence);
    if (stamp_at_ != 0) std::memcpy(packet + stamp_at_, &with, sizeof(with));
  }

 private:
  static constexpr std::size_t digits = 10;
  static void write_number(char* to, std::uint32_t number) noexcept;

  std::string bytes_;
  std::size_t id_at_ = 0;  // 0: QoS 0
  std::size_t stamp_at_ = 0;
  std::size_t number_at_ = 0;
};

}  // namespace troupe::bench
