#pragma once

#include "protocol/mqtt/session_id.hpp"

#include <cstddef>
#include <deque>
#include <unordered_set>
#include <vector>

namespace troupe::storage {

/// Sessions whose record is gone but whose queue, subscriptions and QoS 2
/// state are still being cleaned up, and those that went lately: what is
/// written to them late, for instance by a topic shard that has not heard yet,
/// is dropped, because nobody would clean it up. Writer thread.
class erased_sessions {
 public:
  /// `remembers`: by itself, some of those that are clean; else forget() says what is forgotten.
  explicit erased_sessions(bool remembers = true) : remembers_(remembers) {}

  bool contains(session_id id) const { return !known_.empty() && known_.contains(id); }
  bool sweep_pending() const noexcept { return !pending_.empty(); }
  session_id sweep_first() const { return pending_.front(); }

  /// Found in the meta records, once in the life of this object if it does not remember by itself.
  void load(session_id id) {
    const bool added = known_.insert(id).second;
    if (added || !remembers_) pending_.push_back(id);
  }
  /// Found among those that are not forgotten; load() may follow.
  void load_remembered(session_id id) { known_.insert(id); }
  void forget(session_id id) { known_.erase(id); }
  /// In the batch that is being made. False: it was erased before.
  bool add(session_id id) {
    if (!known_.insert(id).second) return false;
    in_batch_.push_back(id);
    return true;
  }
  /// The first pending session is clean, by the batch that is being made.
  void sweep_finished() noexcept { swept_ = true; }

  void written(bool ok) {
    for (const auto id : in_batch_) {
      if (ok) {
        pending_.push_back(id);
      } else {
        known_.erase(id);
      }
    }
    in_batch_.clear();
    if (ok && swept_) {
      if (remembers_) remembered_.push_back(pending_.front());
      pending_.pop_front();
    }
    swept_ = false;
    while (remembered_.size() > remembered_limit) {
      known_.erase(remembered_.front());
      remembered_.pop_front();
    }
  }

 private:
  static constexpr std::size_t remembered_limit = 65536;

  std::unordered_set<session_id> known_;
  std::deque<session_id> pending_;
  std::deque<session_id> remembered_;
  std::vector<session_id> in_batch_;
  bool swept_ = false;
  bool remembers_;
};

}  // namespace troupe::storage
