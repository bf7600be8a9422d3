#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace troupe::clustering {

/// Why devices should not come, with patience: a node that was ready stays so for a while
/// when something is missing, so that an election does not make load balancers
/// send everybody elsewhere. Until it was ready for the first time there is none.
class patience {
 public:
  explicit patience(std::int64_t wait_ms) : wait_ms_(wait_ms) {}

  /// The reasons as they are, and as they are to be told.
  const std::vector<std::string>& look(std::vector<std::string> now, std::int64_t at_ms) {
    if (now.empty()) {
      was_ready_ = true;
      since_ms_ = -1;
    } else if (was_ready_) {
      if (since_ms_ < 0) since_ms_ = at_ms;
      if (at_ms - since_ms_ < wait_ms_)
        now.clear();
      else
        was_ready_ = false;
    }
    told_ = std::move(now);
    return told_;
  }

 private:
  const std::int64_t wait_ms_;
  bool was_ready_ = false;
  std::int64_t since_ms_ = -1;
  std::vector<std::string> told_;
};

/// What /readyz reads. Any thread.
class told_reasons {
 public:
  void set(std::vector<std::string> reasons) {
    const std::lock_guard lock(mutex_);
    reasons_ = std::move(reasons);
  }
  std::vector<std::string> get() const {
    const std::lock_guard lock(mutex_);
    return reasons_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> reasons_{"The node starts"};
};

}  // namespace troupe::clustering
