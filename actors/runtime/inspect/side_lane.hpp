#pragma once

#include <functional>
#include <memory>
#include <vector>

namespace troupe::runtime {

class loop_coordinator;
class run_loop;

/// Work that may wait: on each loop one piece in a turn, however many there are, so that who
/// looks inside cannot take more than a slice of every turn. Any thread.
class side_lane {
 public:
  explicit side_lane(loop_coordinator& loops);

  /// Runs `work` in a later turn of the loop, behind what was given here before. False, and it
  /// is dropped: the loop has ended or is flooded. What was taken is dropped only at the end.
  bool post(run_loop& to, std::function<void()> work);

  loop_coordinator& loops() const noexcept { return loops_; }

 private:
  class lane;

  loop_coordinator& loops_;
  std::vector<std::shared_ptr<lane>> lanes_;  // by loop; also kept by the turns that come
};

}  // namespace troupe::runtime
