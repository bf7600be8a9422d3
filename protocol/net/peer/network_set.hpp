#pragma once

#include "protocol/net/peer/ip_address.hpp"

#include <string_view>
#include <vector>

namespace troupe::net {

/// Addresses and networks, such as those that may send PROXY headers.
/// Immutable once it is shared; then it may be asked on any thread.
class network_set {
 public:
  /// "10.0.0.0/8", "fd00::/8" or one address; false: it is none of these.
  /// Bits behind the prefix do not count.
  bool add(std::string_view text);

  bool contains(const ip_address& address) const noexcept;
  /// `peer` as the acceptor reports it: "192.0.2.1:40000", "[::1]:40000"; what is
  /// no address ("unix") is in no network.
  bool contains(std::string_view peer) const;
  bool empty() const noexcept { return networks_.empty(); }

 private:
  struct network {
    ip_address address;
    unsigned prefix = 0;  // bits, of 128
  };
  std::vector<network> networks_;
};

}  // namespace troupe::net
