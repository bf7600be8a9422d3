#include "protocol/net/peer/ip_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace troupe::net {
namespace {

constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

ip_address ip_address::v4(const std::uint8_t* four) noexcept {
  ip_address made;
  std::copy(mapped.begin(), mapped.end(), made.bytes.begin());
  std::copy_n(four, 4, made.bytes.begin() + mapped.size());
  return made;
}

ip_address ip_address::v6(const std::uint8_t* sixteen) noexcept {
  ip_address made;
  std::copy_n(sixteen, 16, made.bytes.begin());
  return made;
}

std::optional<ip_address> ip_address::parse(std::string_view text) {
  // inet_pton() wants an end that a view has not, and would stop at a zero byte.
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  const std::string whole(text);
  std::uint8_t bytes[16];
  if (::inet_pton(AF_INET, whole.c_str(), bytes) == 1) return v4(bytes);
  if (::inet_pton(AF_INET6, whole.c_str(), bytes) == 1) return v6(bytes);
  return std::nullopt;
}

bool ip_address::is_v4() const noexcept {
  return std::equal(mapped.begin(), mapped.end(), bytes.begin());
}

bool ip_address::is_loopback() const noexcept {
  if (is_v4()) return bytes[12] == 127;
  return bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
}

std::string to_string(const ip_address& address, std::uint16_t port) {
  char text[INET6_ADDRSTRLEN] = "";
  const std::string suffix = ":" + std::to_string(port);
  if (address.is_v4()) {
    ::inet_ntop(AF_INET, &address.bytes[12], text, sizeof text);
    return text + suffix;
  }
  ::inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
  return "[" + std::string(text) + "]" + suffix;
}

std::optional<ip_endpoint> endpoint_of(const sockaddr_storage& from) noexcept {
  std::uint8_t bytes[16];
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    std::memcpy(bytes, &v4.sin_addr, 4);
    return ip_endpoint{ip_address::v4(bytes), ntohs(v4.sin_port)};
  }
  if (from.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
    std::memcpy(bytes, &v6.sin6_addr, 16);
    return ip_endpoint{ip_address::v6(bytes), ntohs(v6.sin6_port)};
  }
  return std::nullopt;
}

}  // namespace troupe::net
