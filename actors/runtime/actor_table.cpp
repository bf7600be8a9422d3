#include "actors/runtime/actor_table.hpp"

#include "actors/runtime/lean_actor.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {

void actor_table::enter(lean_actor& actor) {
  entry& place = actor;
  const std::lock_guard guard{mutex_};
  head_.push_back(place);
  place.table_ = this;
  ++size_;
}

void actor_table::leave(lean_actor& actor) {
  entry& place = actor;
  auto* table = std::exchange(place.table_, nullptr);
  if (table == nullptr) return;
  const std::lock_guard guard{table->mutex_};
  place.unlink();
  --table->size_;
}

template <class F>
void actor_table::visit(F f) const {
  for (auto* link = head_.next(); link != &head_; link = link->next()) {
    auto& place = static_cast<entry&>(*link);
    if (place.table_ != nullptr) f(static_cast<lean_actor&>(place));
  }
}

std::vector<actor_row> actor_table::rows(std::size_t limit, std::uint64_t after) const {
  std::vector<std::pair<std::uint64_t, lean_actor*>> chosen;
  std::vector<actor_row> result;
  const std::lock_guard guard{mutex_};
  visit([&](lean_actor& x) {
    if (x.id() > after) chosen.emplace_back(x.id(), &x);
  });
  const auto count = std::min(limit, chosen.size());
  std::partial_sort(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(count),
                    chosen.end());
  result.reserve(count);
  for (std::size_t i = 0; i < count; ++i) result.push_back(chosen[i].second->row());
  return result;
}

namespace {

// An actor in a table may be dying already: then no handle can be had.
caf::actor handle_of(const lean_actor& x) {
  auto* ctrl = x.ctrl();
  if (!caf::intrusive_ptr_upgrade_weak(ctrl)) return {};
  return caf::actor_cast<caf::actor>(caf::strong_actor_ptr{ctrl, false});
}

}  // namespace

caf::actor actor_table::find(std::uint64_t id) const {
  caf::actor result;
  const std::lock_guard guard{mutex_};
  visit([&](lean_actor& x) {
    if (x.id() == id) result = handle_of(x);
  });
  return result;
}

std::vector<caf::actor> actor_table::actors() const {
  std::vector<caf::actor> result;
  const std::lock_guard guard{mutex_};
  result.reserve(size_);
  visit([&](lean_actor& x) {
    if (auto handle = handle_of(x)) result.push_back(std::move(handle));
  });
  return result;
}

actor_table::walk::walk(actor_table& through) : table_walked_(through) {
  // At the front: a list is its own end.
  const std::lock_guard guard{table_walked_.mutex_};
  entry& place = *this;
  table_walked_.head_.next()->push_back(place);
}

actor_table::walk::~walk() {
  const std::lock_guard guard{table_walked_.mutex_};
  entry& place = *this;
  place.unlink();
}

bool actor_table::walk::next(std::size_t limit, std::vector<caf::actor>& to) {
  const std::lock_guard guard{table_walked_.mutex_};
  entry& place = *this;
  auto* link = place.next();
  place.unlink();
  std::size_t looked = 0;
  // Actors that are dying count too: the lock is held for `limit` steps at most.
  for (; link != &table_walked_.head_ && looked < limit; link = link->next(), ++looked) {
    auto& met = static_cast<entry&>(*link);
    if (met.table_ == nullptr) continue;
    if (auto handle = handle_of(static_cast<lean_actor&>(met))) to.push_back(std::move(handle));
  }
  link->push_back(place);  // in front of it
  return link != &table_walked_.head_;
}

std::size_t actor_table::size() const {
  const std::lock_guard guard{mutex_};
  return size_;
}

}  // namespace troupe::runtime
