#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Fixed-width little-endian fields of the group's messages.
namespace troupe::cluster::raft {

template <class Number>
void put_number(Number value, std::string& out) {
  char bytes[sizeof(Number)];
  auto left = static_cast<std::uint64_t>(value);
  for (auto& byte : bytes) {
    byte = static_cast<char>(left & 0xFF);
    left >>= 8;
  }
  out.append(bytes, sizeof bytes);
}

/// Takes fields off the front. After one that is missing it is no longer good()
/// and gives zeros.
class byte_reader {
 public:
  explicit byte_reader(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  Number take() {
    const auto bytes = take_bytes(sizeof(Number));
    if (!good_) return 0;
    std::uint64_t value = 0;
    for (auto at = bytes.size(); at-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(bytes[at]);
    }
    return static_cast<Number>(value);
  }
  std::string_view take_bytes(std::size_t size) {
    if (!good_ || rest_.size() < size) {
      good_ = false;
      return {};
    }
    const auto bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view rest() const noexcept { return rest_; }
  bool good() const noexcept { return good_; }
  /// Everything was there and nothing is left over.
  bool finished() const noexcept { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace troupe::cluster::raft
