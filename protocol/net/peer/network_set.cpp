#include "protocol/net/peer/network_set.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace troupe::net {
namespace {

constexpr unsigned mapped_bits = 96;  // what stands before an IPv4 address

}  // namespace

bool network_set::add(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = ip_address::parse(text.substr(0, slash));
  if (!address) return false;
  const bool v4 = text.find(':') == std::string_view::npos;
  unsigned prefix = v4 ? 32 : 128;
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    unsigned given = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), given);
    if (error != std::errc{} || end != digits.data() + digits.size() || given > prefix)
      return false;
    prefix = given;
  }
  networks_.push_back({*address, v4 ? mapped_bits + prefix : prefix});
  return true;
}

bool network_set::contains(const ip_address& address) const noexcept {
  return std::any_of(networks_.begin(), networks_.end(), [&](const network& each) {
    const unsigned whole = each.prefix / 8;
    if (std::memcmp(each.address.bytes.data(), address.bytes.data(), whole) != 0) return false;
    const unsigned rest = each.prefix % 8;
    if (rest == 0) return true;
    const unsigned different = each.address.bytes[whole] ^ address.bytes[whole];
    return (different >> (8 - rest)) == 0;
  });
}

bool network_set::contains(std::string_view peer) const {
  const auto colon = peer.rfind(':');
  if (colon == std::string_view::npos) return false;
  auto host = peer.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = ip_address::parse(host);
  return address && contains(*address);
}

}  // namespace troupe::net
