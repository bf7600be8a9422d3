#include "actors/runtime/lean_actor.hpp"

#include "actors/runtime/loop_coordinator.hpp"
#include "actors/runtime/time/ticks.hpp"

#include <caf/default_attachable.hpp>
#include <caf/detail/sync_request_bouncer.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>
#include <caf/type_nr.hpp>

#include <exception>
#include <string>

namespace troupe::runtime {

lean_actor::~lean_actor() = default;

void lean_actor::launch(run_loop* home) {
  home_.store(home, std::memory_order_release);
  loop_coordinator::of(home_system()).table_for(home, id()).enter(*this);
}

void lean_actor::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
  depth_.fetch_add(1, std::memory_order_relaxed);
  switch (mailbox_.push(what)) {
    case lean_mailbox::pushed::queued:
      break;
    case lean_mailbox::pushed::wake:
      caf::intrusive_ptr_add_ref(ctrl());
      woken(run_loop::current());
      wake();
      break;
    case lean_mailbox::pushed::closed:
      depth_.fetch_sub(1, std::memory_order_relaxed);
      if (what->mid.is_request()) caf::detail::sync_request_bouncer{caf::error{}}(*what);
      break;
  }
}

bool lean_actor::claim(run_loop& here) noexcept {
  if (!here.may_nest() || !may_run_on(here) || !mailbox_.try_wake()) return false;
  if (may_run_on(here)) [[likely]]
    return true;
  // It ran elsewhere in between and has moved: awake now, it finds what is sent to it there.
  caf::intrusive_ptr_add_ref(ctrl());
  wake();
  return false;
}

bool lean_actor::may_run_on(const run_loop& here) const noexcept {
  const auto* home = home_.load(std::memory_order_acquire);
  if (home != nullptr) return home == &here;
  return &here.system() == &home_system();
}

void lean_actor::wake() {
  // The unit that the sender passed is ignored: it may be the middleman's.
  if (auto* home = home_.load(std::memory_order_acquire)) {
    home->schedule(this);
  } else if (auto* here = run_loop::current();
             here != nullptr && &here->system() == &home_system()) {
    here->exec_later(this);
  } else {
    loop_coordinator::of(home_system()).enqueue(this);
  }
}

caf::resumable::resume_result lean_actor::resume(caf::execution_unit* host,
                                                 std::size_t max_messages) {
  return run(host, max_messages, nullptr);
}

/// `first`: a message that did not come by the mailbox.
caf::resumable::resume_result lean_actor::run(caf::execution_unit* host, std::size_t max_messages,
                                              caf::mailbox_element* first) {
  if (state_ == state::ended) return done;
  auto* here = run_loop::current();
  std::size_t handled = 0;
  std::size_t told = 0;
  std::size_t passed = first != nullptr ? 1 : 0;  // was never in the mailbox
  // Time of runs that are over, this one's up to the last settling among them. What ran inside
  // of this run since then is in it, too, and is not this actor's own time.
  std::uint64_t nowhere = 0;
  auto& ran = here != nullptr ? here->ran_ticks_ : nowhere;
  const auto start = ticks() - ran;
  // Before anybody else may run this actor.
  const auto settle = [&] {
    const auto with_this = ticks() - start;
    account(handled - told, std::exchange(passed, 0), with_this - ran);
    ran = with_this;
    told = handled;
  };
  while (handled < max_messages) {
    if (auto* now = std::exchange(first, nullptr)) {
      ++handled;
      handle(*now, host);
    } else if (auto m = mailbox_.pop()) {
      ++handled;
      handle(*m, host);
    } else {
      // Whoever wakes us after try_sleep() may run us at once elsewhere.
      settle();
      if (mailbox_.try_sleep()) return awaiting_message;
      continue;
    }
    if (state_ == state::quitting) {
      settle();
      terminate(host);
      return done;
    }
    if (move_to_ != nullptr) {
      auto* to = std::exchange(move_to_, nullptr);
      home_.store(to, std::memory_order_release);
      if (to == here) continue;
      // Still awake, so nobody else schedules it: the other loop takes over.
      settle();
      caf::intrusive_ptr_add_ref(ctrl());
      to->schedule(this);
      return done;
    }
  }
  settle();
  if (here != nullptr) still_behind(*here);
  return resume_later;
}

void lean_actor::handle(caf::mailbox_element& m, caf::execution_unit* host) {
  try {
    const auto& content = m.content();
    const auto token = content.type_token();
    if (token == caf::make_type_token<caf::exit_msg>() && !trap_exit_) {
      if (const auto& reason = content.get_as<caf::exit_msg>(0).reason) quit(reason);
      return;
    }
    if (token == caf::make_type_token<caf::atom_value, caf::atom_value, std::string>() &&
        content.match_element<caf::sys_atom>(0)) {
      handle_system_message(m, host, trap_exit_);
      return;
    }
    receive(m);
  } catch (const std::exception& e) {
    if (auto* here = run_loop::current()) here->report_failure(name(), id());
    quit(caf::make_error(caf::sec::runtime_error, std::string{e.what()}));
  } catch (...) {
    if (auto* here = run_loop::current()) here->report_failure(name(), id());
    quit(caf::make_error(caf::sec::runtime_error, std::string{"unknown exception"}));
  }
}

/// It slept: the first message that waits has come now. Where the time of the turn was not asked
/// for yet, nothing is noted: a look at the clock would cost more than the rest of this.
void lean_actor::woken(run_loop* here) noexcept {
  if (here != nullptr && !here->time_fresh_) return;
  const auto now =
      here != nullptr ? here->now_ : loop_coordinator::of(home_system()).time().steady_ms();
  behind_since_.store(static_cast<std::uint32_t>(now), std::memory_order_relaxed);
  behind_until_.store(static_cast<std::uint32_t>(messages_handled()) + 1,
                      std::memory_order_relaxed);
}

/// It goes on later: when all that waited at the last mark is done, those that wait now are the
/// next mark.
void lean_actor::still_behind(run_loop& here) noexcept {
  const auto handled = static_cast<std::uint32_t>(messages_handled());
  const auto until = behind_until_.load(std::memory_order_relaxed);
  if (static_cast<std::int32_t>(handled - until) < 0) return;
  behind_since_.store(static_cast<std::uint32_t>(here.now()), std::memory_order_relaxed);
  behind_until_.store(handled + depth_.load(std::memory_order_relaxed),
                      std::memory_order_relaxed);
}

actor_row lean_actor::row() const {
  const auto& loops = loop_coordinator::of(home_system());
  const auto* at = home();
  const auto handled = messages_handled();
  actor_row r{id(), name(), at != nullptr ? static_cast<int>(at->index()) : -1, mailbox_depth(),
              handled};
  const auto busy = busy_ticks_.load(std::memory_order_relaxed);
  r.busy_ns = static_cast<std::uint64_t>(static_cast<double>(busy) * loops.ns_per_tick());
  const auto ahead = static_cast<std::int32_t>(behind_until_.load(std::memory_order_relaxed) -
                                               static_cast<std::uint32_t>(handled));
  if (r.mailbox_depth != 0 && ahead > 0) {
    const auto since = static_cast<std::int32_t>(
        static_cast<std::uint32_t>(loops.time().steady_ms()) -
        behind_since_.load(std::memory_order_relaxed));
    r.oldest_ms = since > 0 ? static_cast<std::uint32_t>(since) : 0;
  }
  return r;
}

void lean_actor::describe(actor_description&) const {}

void lean_actor::account(std::size_t handled, std::size_t passed,
                         std::uint64_t busy_ticks) noexcept {
  // Counters of two processors may differ by a little.
  if (static_cast<std::int64_t>(busy_ticks) > 0)
    busy_ticks_.store(busy_ticks_.load(std::memory_order_relaxed) + busy_ticks,
                      std::memory_order_relaxed);
  if (handled == 0) return;
  if (handled != passed)
    depth_.fetch_sub(static_cast<std::uint32_t>(handled - passed), std::memory_order_relaxed);
  handled_.store(handled_.load(std::memory_order_relaxed) + handled, std::memory_order_relaxed);
  if (auto* here = run_loop::current()) here->count_messages(handled);
}

void lean_actor::quit(caf::error reason) {
  if (state_ != state::running) return;
  state_ = state::quitting;
  reason_ = std::move(reason);
}

void lean_actor::quit(caf::exit_reason reason) {
  // A normal exit is the absence of an error.
  quit(reason == caf::exit_reason::normal ? caf::error{} : caf::make_error(reason));
}

void lean_actor::terminate(caf::execution_unit* host) {
  state_ = state::ended;
  actor_table::leave(*this);
  mailbox_.close();
  const caf::detail::sync_request_bouncer bounce_request{reason_};
  while (auto m = mailbox_.pop()) {
    depth_.fetch_sub(1, std::memory_order_relaxed);
    bounce_request(*m);
  }
  try {
    on_exit(reason_);
  } catch (...) {
    if (auto* here = run_loop::current()) here->report_failure(name(), id());
  }
  cleanup(std::move(reason_), host);
}

void lean_actor::on_exit(const caf::error&) {}

void lean_actor::on_destroy() {
  if (state_ != state::ended) {
    reason_ = caf::make_error(caf::exit_reason::unreachable);
    terminate(nullptr);
  }
  caf::monitorable_actor::on_destroy();
}

void lean_actor::intrusive_ptr_add_ref_impl() {
  caf::intrusive_ptr_add_ref(ctrl());
}

void lean_actor::intrusive_ptr_release_impl() {
  caf::intrusive_ptr_release(ctrl());
}

lean_actor::route lean_actor::way_back(caf::mailbox_element& m) {
  if (!m.mid.is_request()) return {m.sender, ctrl(), caf::make_message_id(), {}};
  if (m.mid.is_answered()) return {};
  const auto mid = m.mid;
  m.mid.mark_as_answered();
  if (m.stages.empty()) return {m.sender, ctrl(), mid.response_id(), {}};
  // The result of one stage is the request to the next.
  auto next = std::move(m.stages.back());
  m.stages.pop_back();
  return {std::move(next), m.sender, mid, std::move(m.stages)};
}

void lean_actor::start_monitor(caf::abstract_actor& other) {
  other.attach(caf::default_attachable::make_monitor(other.address(), address()));
}

void lean_actor::stop_monitor(caf::abstract_actor& other) {
  const caf::default_attachable::observe_token token{address(), caf::default_attachable::monitor};
  other.detach(token);
}

}  // namespace troupe::runtime
