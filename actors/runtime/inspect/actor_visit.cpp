#include "actors/runtime/inspect/actor_visit.hpp"

#include <atomic>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "actors/runtime/inspect/side_lane.hpp"
#include "actors/runtime/inspect/slice.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/loop_coordinator.hpp"

namespace troupe::runtime {
namespace {

// As many as one slice has time for, about.
constexpr std::size_t at_once = 256;
constexpr unsigned at_a_time = 8;
// An actor that moves from loop to loop faster than it can be followed.
constexpr unsigned most_moves = 8;

const lean_actor& lean(const caf::actor& handle) {
  return *static_cast<const lean_actor*>(caf::actor_cast<caf::abstract_actor*>(handle));
}

/// One visit. Kept alive by the steps that it has posted; the last one to end says so.
class visit : public std::enable_shared_from_this<visit> {
 public:
  visit(side_lane& lane, actor_look look, std::function<void(bool)> done)
      : lane_(lane),
        loops_(lane.loops()),
        look_(std::move(look)),
        done_(std::move(done)),
        walks_(loops_.loops()) {}

  ~visit() {
    // The last step was dropped or has run: `done` is called exactly once either way.
    done_(missed_.load() == 0);
  }

  void walk_all() {
    for (unsigned i = 0; i < loops_.loops(); ++i) {
      post(loops_.loop(i), [this, i] { walk(i); });
    }
  }

  void look_at(std::vector<caf::actor> actors) { spread(std::move(actors), 0); }

 private:
  template <class Step>
  void post(run_loop& to, Step step) {
    ++missed_;  // until it has run
    lane_.post(to, [self = shared_from_this(), step = std::move(step)]() mutable {
      --self->missed_;
      step();
    });
  }

  void walk(unsigned loop) {
    auto& at = walks_[loop];
    if (!at) at.emplace(loops_.table(loop));
    slice time;
    std::vector<caf::actor> met;
    bool more = true;
    while (more && time.goes_on(at_a_time)) {
      std::vector<caf::actor> next;
      more = at->next(at_a_time, next);
      std::move(next.begin(), next.end(), std::back_inserter(met));
      // Those who are at home here at once, so that the slice counts them.
      std::erase_if(met, [this](const caf::actor& each) { return looked(lean(each)); });
      if (met.size() >= at_once) spread(std::exchange(met, {}), 0);
    }
    if (!met.empty()) spread(std::move(met), 0);
    if (more)
      post(loops_.loop(loop), [this, loop] { walk(loop); });
    else
      at.reset();
  }

  /// False: its home is another loop.
  bool looked(const lean_actor& actor) {
    const auto* home = actor.home();
    if (home != nullptr && home != run_loop::current()) return false;
    look_(actor);
    return true;
  }

  void spread(std::vector<caf::actor> actors, unsigned moves) {
    std::vector<std::vector<caf::actor>> by_loop(loops_.loops());
    for (auto& each : actors) {
      const auto* home = lean(each).home();
      const auto* to = home != nullptr ? home : run_loop::current();
      by_loop[to != nullptr ? to->index() : 0].push_back(std::move(each));
    }
    for (unsigned i = 0; i < by_loop.size(); ++i) {
      if (by_loop[i].empty()) continue;
      post(loops_.loop(i), [this, moves, these = std::move(by_loop[i])]() mutable {
        work_on(std::move(these), moves);
      });
    }
  }

  void work_on(std::vector<caf::actor> actors, unsigned moves) {
    slice time;
    std::vector<caf::actor> moved;
    while (!actors.empty() && time.goes_on()) {
      if (!looked(lean(actors.back()))) moved.push_back(std::move(actors.back()));
      actors.pop_back();
    }
    if (!moved.empty()) {
      if (moves == most_moves)
        ++missed_;
      else
        spread(std::move(moved), moves + 1);
    }
    if (actors.empty()) return;
    auto& here = *run_loop::current();
    post(here, [this, moves, rest = std::move(actors)]() mutable {
      work_on(std::move(rest), moves);
    });
  }

  side_lane& lane_;
  loop_coordinator& loops_;
  const actor_look look_;
  const std::function<void(bool)> done_;
  std::vector<std::optional<actor_table::walk>> walks_;  // each used on its loop alone
  std::atomic<unsigned> missed_{0};
};

}  // namespace

void visit_actors(side_lane& lane, actor_look look, std::function<void(bool)> done) {
  std::make_shared<visit>(lane, std::move(look), std::move(done))->walk_all();
}

void visit_these(side_lane& lane, std::vector<caf::actor> actors, actor_look look,
                 std::function<void(bool)> done) {
  std::make_shared<visit>(lane, std::move(look), std::move(done))->look_at(std::move(actors));
}

}  // namespace troupe::runtime
