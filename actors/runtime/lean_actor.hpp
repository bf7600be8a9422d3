#pragma once

#include "actors/runtime/actor_table.hpp"
#include "actors/runtime/lean_mailbox.hpp"
#include "actors/runtime/run_loop.hpp"

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <typeinfo>
#include <utility>

namespace troupe::runtime {

/// An actor of about 300 bytes: no behaviour stack, no timers, one virtual
/// function that receives. Everything else of CAF works with it: handles,
/// requests, monitors, links, remote messages. The actor system does not wait
/// for lean actors when it shuts down; those that live are told to exit with
/// `user_shutdown`.
///
/// Lifecycle: spawn_lean(); receive() until quit(), an exit message or an
/// exception; then on_exit(), monitors and links are told, requests in the
/// mailbox bounce. The object lives on while someone holds a handle.
///
/// Concurrency: receive() and on_exit() never run on two threads at once. With
/// a home they run on the home's loop; without, on the loop of whoever sent
/// the message that woke the actor.
class lean_actor : public caf::monitorable_actor, public caf::resumable, public actor_table::entry {
 public:
  ~lean_actor() override;

  /// Name for people; by default "lean". Any thread.
  const char* name() const override { return "lean"; }

  /// The loop that this actor is pinned to, or nullptr. Any thread.
  run_loop* home() const noexcept { return home_.load(std::memory_order_acquire); }
  /// Messages that wait, about. Any thread.
  std::size_t mailbox_depth() const noexcept { return depth_.load(std::memory_order_relaxed); }
  /// Messages handled so far, counted at the end of each run. Any thread.
  std::uint64_t messages_handled() const noexcept {
    return handled_.load(std::memory_order_relaxed);
  }
  /// All that was recorded of it. Any thread.
  actor_row row() const;
  /// What it serves and waits for. On its home loop, between messages; of an actor without
  /// a home on any thread, at any time.
  virtual void describe(actor_description& to) const;

  /// The actor behind a handle that is not null, if it is a lean one, or nullptr. Any thread.
  static lean_actor* from(const caf::strong_actor_ptr& handle) noexcept {
    auto* actor = handle->get();
    return actor->getf(lean_flag) ? static_cast<lean_actor*>(actor) : nullptr;
  }
  /// Makes an idle actor the caller's, which runs it at once by run_loop::run_claimed(): no queue
  /// and no allocation for the message. False if it is not idle or may not run on `here`, the
  /// loop of the caller.
  bool claim(run_loop& here) noexcept;

  // -- CAF ---------------------------------------------------------------------
  using caf::abstract_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* host) override;
  subtype_t subtype() const override { return resumable::unspecified; }
  resume_result resume(caf::execution_unit* host, std::size_t max_messages) override;
  void intrusive_ptr_add_ref_impl() override;
  void intrusive_ptr_release_impl() override;
  void on_destroy() override;

 protected:
  explicit lean_actor(caf::actor_config& cfg) : caf::monitorable_actor(cfg) { setf(lean_flag); }

  /// Handles one message. An exception ends the actor with an error, never
  /// the process.
  virtual void receive(caf::mailbox_element& m) = 0;

  /// Called once when the actor ends, on the thread that ran it (at shutdown
  /// of the system: after the loops have ended; if it just became unreachable:
  /// on the thread that dropped the last handle). Drop the handles of other
  /// actors here, so that cycles are freed.
  virtual void on_exit(const caf::error& reason);

  // -- from within receive() -----------------------------------------------------

  /// Ends this actor after the current message.
  void quit(caf::error reason);
  void quit(caf::exit_reason reason);
  bool quitting() const noexcept { return state_ >= state::quitting; }

  /// Goes on with the next message on the loop `to`, which becomes the home.
  /// No message is lost or reordered.
  void move_home(run_loop& to) noexcept { move_to_ = &to; }

  /// Exit messages come to receive() instead of ending the actor.
  void trap_exit(bool x) noexcept { trap_exit_ = x; }

  /// The loop on which this runs.
  run_loop& loop() const noexcept { return *run_loop::current(); }
  caf::actor_system& system() const noexcept { return home_system(); }
  /// A handle of this actor.
  caf::actor self() { return caf::actor_cast<caf::actor>(ctrl()); }

  /// Sends a message with this actor as the sender.
  template <class Handle, class... Ts>
  void send(const Handle& to, Ts&&... xs) {
    if (auto* receiver = caf::actor_cast<caf::abstract_actor*>(to))
      receiver->enqueue(
          caf::make_mailbox_element(ctrl(), caf::make_message_id(), {}, std::forward<Ts>(xs)...),
          run_loop::current());
  }

  /// Answers a request; an answer to a message that is no request is sent as
  /// an ordinary message to its sender. Only the first answer to a request
  /// counts.
  template <class... Ts>
  void reply(caf::mailbox_element& m, Ts&&... xs) {
    auto back = way_back(m);
    if (back.to)
      back.to->enqueue(caf::make_mailbox_element(std::move(back.from), back.mid,
                                                 std::move(back.stages), std::forward<Ts>(xs)...),
                       run_loop::current());
  }

  /// Sends a request and answers the id that the response will carry: compare
  /// it with `m.mid`. There is no time-out; a timer of the caller is one.
  template <class Handle, class... Ts>
  caf::message_id request(const Handle& to, Ts&&... xs) {
    const auto mid = caf::make_message_id(++last_request_);
    if (auto* receiver = caf::actor_cast<caf::abstract_actor*>(to))
      receiver->enqueue(caf::make_mailbox_element(ctrl(), mid, {}, std::forward<Ts>(xs)...),
                        run_loop::current());
    return mid.response_id();
  }

  /// Asks for a down_msg when `other` ends.
  template <class Handle>
  void monitor(const Handle& other) {
    if (auto* x = caf::actor_cast<caf::abstract_actor*>(other)) start_monitor(*x);
  }
  template <class Handle>
  void demonitor(const Handle& other) {
    if (auto* x = caf::actor_cast<caf::abstract_actor*>(other)) stop_monitor(*x);
  }

 private:
  friend class loop_coordinator;
  friend class run_loop;
  template <class A, class... Ts>
  friend caf::actor spawn_lean(caf::actor_system&, run_loop*, Ts&&...);

  // CAF's own flags end at 0x2000.
  static constexpr int lean_flag = 0x1000'0000;
  enum class state : std::uint8_t { running, quitting, ended };
  struct route {
    caf::strong_actor_ptr to;
    caf::strong_actor_ptr from;
    caf::message_id mid;
    caf::mailbox_element::forwarding_stack stages;
  };

  route way_back(caf::mailbox_element& m);
  void launch(run_loop* home);
  resume_result run(caf::execution_unit* host, std::size_t max_messages,
                    caf::mailbox_element* first);
  void wake();
  bool may_run_on(const run_loop& here) const noexcept;
  void handle(caf::mailbox_element& m, caf::execution_unit* host);
  void account(std::size_t handled, std::size_t passed, std::uint64_t busy_ticks) noexcept;
  void woken(run_loop* here) noexcept;
  void still_behind(run_loop& here) noexcept;
  void terminate(caf::execution_unit* host);
  void start_monitor(caf::abstract_actor& other);
  void stop_monitor(caf::abstract_actor& other);

  lean_mailbox mailbox_;
  std::atomic<run_loop*> home_{nullptr};
  run_loop* move_to_ = nullptr;
  caf::error reason_;
  std::atomic<std::uint64_t> handled_{0};
  std::atomic<std::uint64_t> busy_ticks_{0};
  std::atomic<std::uint32_t> depth_{0};
  // Until so many messages (their low bits) are handled, the oldest one has come before that
  // time: of the loops, milliseconds, low bits.
  std::atomic<std::uint32_t> behind_until_{0};
  std::atomic<std::uint32_t> behind_since_{0};
  std::uint32_t last_request_ = 0;
  state state_ = state::running;
  bool trap_exit_ = false;
};

/// Spawns a lean actor of class A, whose constructor takes `caf::actor_config&`
/// and `xs`. Any thread. `home`: the loop to pin it to; nullptr: it runs on
/// the loop of whoever wakes it.
template <class A, class... Ts>
caf::actor spawn_lean(caf::actor_system& system, run_loop* home, Ts&&... xs) {
  caf::actor_config cfg;
  auto handle = caf::make_actor<A, caf::actor>(system.next_actor_id(), system.node(), &system, cfg,
                                               std::forward<Ts>(xs)...);
  static_cast<lean_actor*>(static_cast<A*>(caf::actor_cast<caf::abstract_actor*>(handle)))
      ->launch(home);
  return handle;
}

}  // namespace troupe::runtime
