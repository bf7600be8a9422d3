#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <unordered_map>
#include <vector>

#include "protocol/session/origin.hpp"
#include "storage/store.hpp"

namespace troupe::broker {

// What is known of QoS 2 messages that may be sent again, though their publishers have not told that
// they never will be, is forgotten by time, in milliseconds: whoever sends one again does so much
// sooner, unless its session sleeps meanwhile.
inline constexpr std::int64_t known_for = 60 * 60 * 1000;
inline constexpr std::int64_t known_for_when_many = 60 * 1000;
inline constexpr std::size_t many_known = 1 << 16;

/// Which members of shared groups get the QoS 2 messages of one topic shard, as its owner has
/// recorded that: whoever owns it next gives them to the same ones.
class choices {
 public:
  struct entry {
    std::vector<storage::chosen_member> members;
    bool again = false;   // an earlier member may have got it
    bool stored = false;
    bool handed = false;  // it may have been given to them
    std::int64_t seen = 0;  // wall milliseconds
  };
  using of_publisher = std::map<troupe::session::origin, entry>;

  void restore(const storage::choice_record& from) {
    auto& made = publishers_[from.publisher.value][from.of];
    if (!made.stored) ++size_;
    made = {from.members, from.again, true, true, from.seen};
  }

  /// Null: nothing is chosen.
  entry* find(std::uint64_t publisher, const troupe::session::origin& of) {
    const auto it = publishers_.find(publisher);
    if (it == publishers_.end()) return nullptr;
    const auto at = it->second.find(of);
    return at == it->second.end() ? nullptr : &at->second;
  }
  entry& make(std::uint64_t publisher, const troupe::session::origin& of) {
    const auto [at, made] = publishers_[publisher].try_emplace(of);
    if (made) ++size_;
    return at->second;
  }
  /// It is older than all that is known of its publisher: groups got it before, whoever they gave
  /// it to. Messages of a publisher come in their order, and what is forgotten is older than what
  /// is kept.
  bool passed(std::uint64_t publisher, const troupe::session::origin& of) const {
    const auto it = publishers_.find(publisher);
    return it != publishers_.end() && of < it->second.begin()->first;
  }
  /// Forgets those of the publisher before `first`, but the latest of them: a node that its session
  /// has left may still send an old one again. `visit(origin)` is told of each.
  template <class Visit>
  void forget(std::uint64_t publisher, const troupe::session::origin& first, Visit&& visit) {
    const auto it = publishers_.find(publisher);
    if (it == publishers_.end()) return;
    auto& all = it->second;
    while (all.size() > 1 && std::next(all.begin())->first < first) {
      visit(all.begin()->first);
      all.erase(all.begin());
      --size_;
    }
  }
  /// Forgets at most so many that were not heard of since `before`; `visit(publisher, origin)`.
  template <class Visit>
  void forget_old(std::int64_t before, std::size_t most, Visit&& visit) {
    for (auto it = publishers_.begin(); it != publishers_.end() && most != 0;) {
      auto& all = it->second;
      for (auto at = all.begin(); at != all.end() && most != 0;) {
        if (at->second.seen >= before) {
          ++at;
          continue;
        }
        visit(it->first, at->first);
        at = all.erase(at);
        --size_;
        --most;
      }
      it = all.empty() ? publishers_.erase(it) : std::next(it);
    }
  }
  std::size_t size() const noexcept { return size_; }

 private:
  std::unordered_map<std::uint64_t, of_publisher> publishers_;
  std::size_t size_ = 0;
};

}  // namespace troupe::broker
