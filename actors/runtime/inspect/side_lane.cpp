#include "actors/runtime/inspect/side_lane.hpp"

#include "actors/runtime/loop_coordinator.hpp"

#include <deque>
#include <mutex>
#include <utility>

namespace troupe::runtime {

class side_lane::lane {
 public:
  /// Whether a turn must be asked for.
  bool add(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    return !std::exchange(turn_comes_, true);
  }

  /// The next piece; whether more wait. The turn is over if not.
  std::function<void()> take(bool& more) {
    const std::lock_guard lock(mutex_);
    std::function<void()> next;
    if (!waiting_.empty()) {
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    more = turn_comes_ = !waiting_.empty();
    return next;
  }

  /// No turn will come.
  void drop() {
    std::deque<std::function<void()>> dropped;  // let go of without the lock
    const std::lock_guard lock(mutex_);
    dropped.swap(waiting_);
    turn_comes_ = false;
  }

  static bool ask(const std::shared_ptr<lane>& self, run_loop& loop);

 private:
  /// Asked for once; if the loop ends before it, so does what waits.
  class turn {
   public:
    explicit turn(std::shared_ptr<lane> of) : of_(std::move(of)) {}
    ~turn() {
      if (of_) of_->drop();
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

    void run(run_loop& loop) {
      const auto of = std::exchange(of_, nullptr);
      bool more = false;
      const auto work = of->take(more);
      // Before the work: what it adds asks for no turn of its own then.
      if (more) ask(of, loop);
      if (work) work();
    }

   private:
    std::shared_ptr<lane> of_;
  };

  std::mutex mutex_;
  std::deque<std::function<void()>> waiting_;
  bool turn_comes_ = false;
};

/// False: no turn comes, and what waited is dropped.
bool side_lane::lane::ask(const std::shared_ptr<lane>& self, run_loop& loop) {
  return loop.post([next = std::make_shared<turn>(self), &loop] { next->run(loop); });
}

side_lane::side_lane(loop_coordinator& loops) : loops_(loops) {
  for (unsigned i = 0; i < loops.loops(); ++i) lanes_.push_back(std::make_shared<lane>());
}

bool side_lane::post(run_loop& to, std::function<void()> work) {
  const auto& mine = lanes_[to.index()];
  return !mine->add(std::move(work)) || lane::ask(mine, to);
}

}  // namespace troupe::runtime
