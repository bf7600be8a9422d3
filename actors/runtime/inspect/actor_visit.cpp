#include "actors/runtime/inspect/actor_visit.hpp"

#include <atomic>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "actors/runtime/inspect/slice.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/loop_coordinator.hpp"

namespace troupe::runtime {
namespace {

constexpr std::size_t at_once = 64;
constexpr unsigned at_a_time = 8;
// An actor that moves from loop to loop faster than it can be followed.
constexpr unsigned most_moves = 8;

const lean_actor& lean(const caf::actor& handle) {
  return *static_cast<const lean_actor*>(caf::actor_cast<caf::abstract_actor*>(handle));
}

/// One visit. Kept alive by the steps that it has posted; the last one to end says so.
class visit : public std::enable_shared_from_this<visit> {
 public:
  visit(loop_coordinator& loops, actor_look look, std::function<void(bool)> done)
      : loops_(loops), look_(std::move(look)), done_(std::move(done)), walks_(loops.loops()) {}

  ~visit() {
    // The last step was dropped or has run: `done` is called exactly once either way.
    done_(all_.load());
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
    if (!to.post([self = shared_from_this(), step = std::move(step)]() mutable { step(); }))
      all_.store(false);
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
        all_.store(false);
      else
        spread(std::move(moved), moves + 1);
    }
    if (actors.empty()) return;
    auto& here = *run_loop::current();
    post(here, [this, moves, rest = std::move(actors)]() mutable {
      work_on(std::move(rest), moves);
    });
  }

  loop_coordinator& loops_;
  const actor_look look_;
  const std::function<void(bool)> done_;
  std::vector<std::optional<actor_table::walk>> walks_;  // each used on its loop alone
  std::atomic<bool> all_{true};
};

}  // namespace

void visit_actors(loop_coordinator& loops, actor_look look, std::function<void(bool)> done) {
  std::make_shared<visit>(loops, std::move(look), std::move(done))->walk_all();
}

void visit_these(loop_coordinator& loops, std::vector<caf::actor> actors, actor_look look,
                 std::function<void(bool)> done) {
  std::make_shared<visit>(loops, std::move(look), std::move(done))->look_at(std::move(actors));
}

}  // namespace troupe::runtime
