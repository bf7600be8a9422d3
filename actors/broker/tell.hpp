#pragma once

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/mailbox_element.hpp>

#include "actors/broker/interfaces.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/payload.hpp"
#include "actors/runtime/run_loop.hpp"

namespace troupe::broker {

/// A handle of the actor that runs.
inline caf::strong_actor_ptr strong(runtime::lean_actor& actor) {
  return caf::strong_actor_ptr{actor.ctrl()};
}

/// Sends a message without a sender, from any thread; a handle that is null or
/// whose actor is gone takes it silently. (CAF's anon_send would not say which
/// run loop we are on.)
template <class Message>
void tell(const caf::strong_actor_ptr& to, Message message) {
  if (!to) return;
  to->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::move(message)),
              runtime::run_loop::current());
}

/// The same, but an idle receiver that may run on this loop handles it before
/// this returns: no queue, no allocation, and what it needs is still in the cache.
/// For callers that are done with their own state. The message is moved from only if its
/// receiver handles it later or takes what is in it.
template <class Message>
void tell_now(const caf::strong_actor_ptr& to, Message&& message) {
  static_assert(std::is_rvalue_reference_v<decltype(message)>);
  if (!to) return;
  auto* here = runtime::run_loop::current();
  auto* actor = here != nullptr ? runtime::lean_actor::from(to) : nullptr;
  if (actor == nullptr || !actor->claim(*here)) return tell(to, std::move(message));
  caf::mailbox_element_view<Message> passing(nullptr, caf::make_message_id(), {}, message);
  here->run_claimed(*actor, passing);
}

/// The same, checked against the interface of the receiver.
template <class... Signatures, class Message>
void tell(const caf::typed_actor<Signatures...>& to, Message message) {
  static_assert((std::is_same_v<Signatures, caf::reacts_to<Message>> || ...),
                "the receiver does not understand this message");
  tell(caf::actor_cast<caf::strong_actor_ptr>(to), std::move(message));
}

template <class... Signatures, class Message>
void tell_now(const caf::typed_actor<Signatures...>& to, Message&& message) {
  static_assert((std::is_same_v<Signatures, caf::reacts_to<Message>> || ...),
                "the receiver does not understand this message");
  tell_now(caf::actor_cast<caf::strong_actor_ptr>(to), std::move(message));
}

}  // namespace troupe::broker
