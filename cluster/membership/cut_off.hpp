#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::cluster {

/// Whether a member knows that it is cut off from the majority, so that what needs others is
/// better refused than kept waiting. It is when, for a while, no leader of the meta group was
/// heard, and so few of the voters are heard that none can be elected from here. As long as
/// enough of them are heard, an owner is just changing, and waiting is right.
class cut_off_watch {
 public:
  struct sight {
    bool member = false;  // of a cluster that is formed
    bool leader = false;  // the meta group has a leader that this node hears
    std::size_t voters = 0;
    std::size_t heard = 0;  // of them, this node included
  };

  /// So long without a leader is an election like any other.
  explicit cut_off_watch(std::int64_t patience_ms) : patience_ms_(patience_ms) {}

  bool look(const sight& now, std::int64_t at_ms);

 private:
  const std::int64_t patience_ms_;
  std::int64_t since_ms_ = -1;  // there is no leader
};

}  // namespace troupe::cluster
