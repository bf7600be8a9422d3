#pragma once

#include "protocol/session/delivery.hpp"
#include "protocol/session/outbound_flow.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <utility>

namespace troupe::session::test {

/// What a node's store keeps for one session, and when: transactions are written one by one in the
/// order given, a read sees at least those that were given before it. Work happens in step() only,
/// so that a test decides what is still on its way when something breaks.
class simulated_store {
 public:
  using action = std::function<void()>;

  // --- what is written ---
  std::map<std::uint64_t, delivery> owed;  // by order
  std::map<mqtt::packet_id, stored_exchange> outgoing;
  std::uint64_t last_order = 0;

  /// `write` changes the maps above, when its turn comes; `done` follows.
  void commit(action write, action done) {
    commits_.push_back({std::move(write), std::move(done)});
    ++given_;
  }
  /// `look` is called once all that was committed before is written.
  void read(action look) { reads_.push_back({given_, std::move(look)}); }

  bool idle() const { return commits_.empty() && reads_.empty(); }

  /// Writes one transaction, or lets one read look if `prefer_read` and it may.
  void step(bool prefer_read) {
    const bool may_read = !reads_.empty() && reads_.front().first <= written_;
    if (may_read && (prefer_read || commits_.empty())) {
      auto look = std::move(reads_.front().second);
      reads_.pop_front();
      look();
    } else if (!commits_.empty()) {
      auto [write, done] = std::move(commits_.front());
      commits_.pop_front();
      ++written_;
      write();
      if (done) done();
    }
  }

  /// The node died: what is not written is lost.
  void crash() {
    written_ += commits_.size();
    commits_.clear();
    reads_.clear();
  }

 private:
  std::deque<std::pair<action, action>> commits_;
  std::deque<std::pair<std::uint64_t, action>> reads_;
  std::uint64_t given_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace troupe::session::test
