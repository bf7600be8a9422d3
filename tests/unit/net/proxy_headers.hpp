// Headers of the PROXY protocol, built by other code than ours that reads them.
#pragma once

#include <cstdint>
#include <string>

namespace troupe::net::testing {

inline std::string two_bytes(std::size_t n) {
  return {static_cast<char>(n >> 8), static_cast<char>(n)};
}

/// Version 2: version and command, family and protocol, and what stands behind.
inline std::string v2_header(unsigned command, unsigned family, const std::string& block) {
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(command) +
         static_cast<char>(family) + two_bytes(block.size()) + block;
}

inline std::string tlv(unsigned type, const std::string& value) {
  return static_cast<char>(type) + two_bytes(value.size()) + value;
}

inline std::string ssl_tlv(unsigned client, std::uint32_t verify, const std::string& entries) {
  return tlv(0x20, static_cast<char>(client) + two_bytes(verify >> 16) + two_bytes(verify & 0xffff) +
                       entries);
}

/// Bit by bit, from the definition of CRC32c.
inline std::uint32_t crc32c(const std::string& bytes) {
  std::uint32_t sum = 0xffffffff;
  for (const char c : bytes) {
    sum ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~sum;
}

inline std::string with_checksum(unsigned command, unsigned family, const std::string& block) {
  auto header = v2_header(command, family, block + tlv(0x03, std::string(4, '\0')));
  const auto sum = crc32c(header);
  header.replace(header.size() - 4, 4, two_bytes(sum >> 16) + two_bytes(sum & 0xffff));
  return header;
}

}  // namespace troupe::net::testing
