#include "actors/link/outbox.hpp"

#include <utility>

#include "actors/link/tell.hpp"
#include "cluster/link/batch.hpp"

namespace troupe::link {

bool outbox::send(cluster::frame what) {
  caf::strong_actor_ptr wake;
  bool taken = false;
  {
    const std::lock_guard lock(mutex_);
    if (!owner_ || overrun_ || what.bytes.size() > largest_) return false;
    if (!cluster::may_be_sent(what.to, version_)) return false;
    const auto size = what.bytes.size();
    switch (budget_.ask(cluster::frame_cost(size), what.droppable)) {
      case cluster::send_budget::verdict::taken:
        taken = true;
        ++counts_.frames;
        counts_.bytes += size;
        waiting_.push_back(std::move(what));
        break;
      case cluster::send_budget::verdict::dropped:
        ++counts_.dropped;
        return false;
      case cluster::send_budget::verdict::overrun:
        overrun_ = true;
        break;
    }
    if (!std::exchange(told_, true)) wake = owner_;
  }
  if (wake) tell(wake, outbox_filled{});
  return taken;
}

void outbox::open(caf::strong_actor_ptr owner, std::uint32_t version) {
  const std::lock_guard lock(mutex_);
  owner_ = std::move(owner);
  version_ = version;
  told_ = overrun_ = false;
  budget_.clear();
}

std::vector<cluster::frame> outbox::close() {
  std::vector<cluster::frame> rest;
  caf::strong_actor_ptr last;
  const std::lock_guard lock(mutex_);
  last.swap(owner_);
  rest.swap(waiting_);
  budget_.clear();
  return rest;
}

bool outbox::drain(std::vector<cluster::frame>& out) {
  out.clear();
  const std::lock_guard lock(mutex_);
  out.swap(waiting_);
  told_ = false;
  return !overrun_;
}

void outbox::settle(std::size_t cost) {
  const std::lock_guard lock(mutex_);
  budget_.settle(cost);
}

outbox::counts outbox::now() const {
  const std::lock_guard lock(mutex_);
  auto x = counts_;
  x.used = budget_.used();
  x.peak = budget_.peak();
  return x;
}

}  // namespace troupe::link
