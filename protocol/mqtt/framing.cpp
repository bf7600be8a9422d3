#include "protocol/mqtt/framing.hpp"

namespace troupe::mqtt {

frame_result next_frame(std::string_view bytes, std::uint32_t maximum_packet_size) noexcept {
  frame_result result;
  if (bytes.empty()) return result;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  if ((first >> 4) == 0) {
    result.status = frame_status::malformed;
    return result;
  }
  std::size_t length = 0;
  std::size_t at = 1;
  for (unsigned shift = 0;; shift += 7, ++at) {
    if (shift == 28) {
      result.status = frame_status::malformed;
      return result;
    }
    if (at == bytes.size()) return result;
    const auto byte = static_cast<std::uint8_t>(bytes[at]);
    length |= std::size_t{byte & 0x7FU} << shift;
    if (byte < 0x80) {
      if (byte == 0 && shift != 0) {
        result.status = frame_status::malformed;
        return result;
      }
      break;
    }
  }
  ++at;
  result.size = at + length;
  if (maximum_packet_size != 0 && result.size > maximum_packet_size) {
    result.status = frame_status::too_large;
  } else if (bytes.size() >= result.size) {
    result.status = frame_status::complete;
    result.frame = {first, bytes.substr(at, length)};
  }
  return result;
}

}  // namespace troupe::mqtt
