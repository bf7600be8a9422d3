#include "actors/broker/inspect/directory_walk.hpp"

#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/runtime/inspect/actor_visit.hpp"
#include "actors/runtime/inspect/slice.hpp"
#include "actors/runtime/loop_coordinator.hpp"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

namespace troupe::broker {
namespace {

constexpr std::size_t awake_at_once = 512;

const session_shard* shard_of(const session_shard_actor& handle) {
  return static_cast<const session_shard*>(caf::actor_cast<caf::abstract_actor*>(handle));
}

/// Kept alive by the steps under way; when the last one is over it says so.
class walk : public std::enable_shared_from_this<walk> {
 public:
  walk(broker_context& context, session_looks looks, std::function<void(bool)> done)
      : context_(context), looks_(std::move(looks)), done_(std::move(done)) {}
  ~walk() { done_(missed_.load() == 0); }

  /// One shard after the other on each loop, a slice in a turn.
  void begin() {
    const auto loops = context_.loops.loops();
    for (unsigned i = 0; i < loops; ++i) {
      std::vector<session_shard_actor> mine;
      for (const auto& handle : context_.session_shards) {
        const auto* home = shard_of(handle)->home();
        if (home != nullptr && home->index() == i) mine.push_back(handle);
      }
      if (!mine.empty()) next(i, std::move(mine), {});
    }
  }

  void find(const std::string& client_id) {
    const auto& handle = context_.session_shard(client_id);
    ++missed_;
    tell(handle, deferred{[self = shared_from_this(), actor = shard_of(handle), client_id] {
           --self->missed_;
           std::vector<caf::actor> awake;
           actor->find(client_id, [&](const listed_session& e) { self->met(e, awake); });
           self->look_at(std::move(awake));
         }});
  }

 private:
  using shards = std::vector<session_shard_actor>;

  void next(unsigned loop, shards left, session_shard::listing_place place) {
    ++missed_;  // until the step has been
    context_.aside.post(
        context_.loops.loop(loop),
        [self = shared_from_this(), loop, left = std::move(left), place]() mutable {
          if (self->context_.released()) return;
          // In its own turn: what it has in hand is whole then.
          const auto handle = left.back();
          tell(handle, deferred{[self, loop, left = std::move(left), place] {
                 --self->missed_;
                 self->step(loop, left, place);
               }});
        });
  }

  void step(unsigned loop, shards left, session_shard::listing_place place) {
    runtime::slice time;
    std::vector<caf::actor> awake;
    const bool all = shard_of(left.back())
                         ->list(
                             place, [&] { return time.goes_on(); },
                             [&](const listed_session& e) {
                               met(e, awake);
                               if (awake.size() >= awake_at_once) look_at(std::exchange(awake, {}));
                             });
    look_at(std::move(awake));
    if (all) {
      left.pop_back();
      place = {};
    }
    if (!left.empty()) next(loop, std::move(left), place);
  }

  void met(const listed_session& e, std::vector<caf::actor>& awake) {
    if (looks_.wants && !looks_.wants(e.client_id)) return;
    if (e.awake)
      awake.push_back(caf::actor_cast<caf::actor>(e.awake));
    else
      looks_.asleep(e);
  }

  void look_at(std::vector<caf::actor> awake) {
    if (awake.empty()) return;
    runtime::visit_these(
        context_.aside, std::move(awake),
        [self = shared_from_this()](const runtime::lean_actor& actor) {
          self->looks_.awake(static_cast<const session&>(actor));
        },
        [self = shared_from_this()](bool all) {
          if (!all) ++self->missed_;
        });
  }

  broker_context& context_;
  const session_looks looks_;
  const std::function<void(bool)> done_;
  std::atomic<unsigned> missed_{0};
};

}  // namespace

void walk_sessions(broker_context& context, session_looks looks, std::function<void(bool)> done) {
  std::make_shared<walk>(context, std::move(looks), std::move(done))->begin();
}

void find_session(broker_context& context, std::string client_id, session_looks looks,
                  std::function<void(bool)> done) {
  std::make_shared<walk>(context, std::move(looks), std::move(done))->find(client_id);
}

}  // namespace troupe::broker
