#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <caf/actor_control_block.hpp>

#include "cluster/link/send_budget.hpp"
#include "cluster/network.hpp"

namespace troupe::link {

/// Where frames for one peer wait for its link. One lock; the link is woken
/// once for all that comes before it looks. Any thread, unless said otherwise.
class outbox {
 public:
  struct counts {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    std::uint64_t dropped = 0;
    std::size_t used = 0;
    std::size_t peak = 0;
  };

  explicit outbox(const cluster::link_limits& limits)
      : largest_(limits.frame), budget_(limits) {}

  /// As cluster::network::send(). At the hard limit the outbox closes itself
  /// and the link ends the pairing.
  bool send(cluster::frame what);

  // -- for the link ------------------------------------------------------------

  /// A pairing begins; `owner` is told when frames have come. `version`: of the link.
  void open(caf::strong_actor_ptr owner, std::uint32_t version);
  /// It is over; answers what was not taken yet.
  std::vector<cluster::frame> close();
  /// Moves what has come into `out`, which it clears. The peer has been given
  /// up if the answer is false.
  bool drain(std::vector<cluster::frame>& out);
  /// The peer has acknowledged frames of this cost.
  void settle(std::size_t cost);

  counts now() const;

 private:
  mutable std::mutex mutex_;
  const std::size_t largest_;
  cluster::send_budget budget_;
  std::vector<cluster::frame> waiting_;
  caf::strong_actor_ptr owner_;  // none: closed
  bool told_ = false;
  bool overrun_ = false;
  std::uint32_t version_ = 0;
  counts counts_;
};

}  // namespace troupe::link
