#include "cluster/membership/cut_off.hpp"

namespace troupe::cluster {

bool cut_off_watch::look(const sight& now, std::int64_t at_ms) {
  if (now.leader || !now.member) {
    since_ms_ = -1;
    return false;
  }
  if (since_ms_ < 0) since_ms_ = at_ms;
  return at_ms - since_ms_ >= patience_ms_ && now.voters != 0 && 2 * now.heard <= now.voters;
}

}  // namespace troupe::cluster
