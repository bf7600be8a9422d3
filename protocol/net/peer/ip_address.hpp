#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr_storage;

namespace troupe::net {

/// An IPv4 or IPv6 address. IPv4 is kept as an IPv4-mapped one (::ffff:a.b.c.d),
/// so that a device is the same on a socket of either family.
struct ip_address {
  std::array<std::uint8_t, 16> bytes{};

  /// The four bytes in network order.
  static ip_address v4(const std::uint8_t* four) noexcept;
  /// The sixteen bytes in network order.
  static ip_address v6(const std::uint8_t* sixteen) noexcept;
  /// "192.0.2.1" or "2001:db8::1"; nothing else, no port, no brackets, no zone.
  static std::optional<ip_address> parse(std::string_view text);

  bool is_v4() const noexcept;
  /// 127.0.0.0/8 or ::1.
  bool is_loopback() const noexcept;
  bool operator==(const ip_address&) const = default;
};

/// "192.0.2.1:40000" or "[2001:db8::1]:40000".
std::string to_string(const ip_address& address, std::uint16_t port);

/// An address and its port: what to_string() writes.
struct ip_endpoint {
  ip_address address;
  std::uint16_t port = 0;
};

/// Of a socket; nothing if it is not an IP one.
std::optional<ip_endpoint> endpoint_of(const sockaddr_storage& from) noexcept;

}  // namespace troupe::net
