#pragma once

#include <utility>

#include <caf/mailbox_element.hpp>

#include "actors/link/interfaces.hpp"
#include "actors/runtime/run_loop.hpp"

namespace troupe::link {

/// Sends a message without a sender. Any thread; null takes it silently. To an
/// actor of another node it leaves nothing in the registry.
template <class Message>
void tell(const caf::strong_actor_ptr& to, Message message) {
  if (!to) return;
  to->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::move(message)),
              runtime::run_loop::current());
}

/// The same with a sender, whom the receiver may answer. Across nodes the
/// sender then stays in the registry while it lives: only for doors and links.
template <class Message>
void tell_from(const caf::strong_actor_ptr& from, const caf::strong_actor_ptr& to,
               Message message) {
  if (!to) return;
  to->enqueue(caf::make_mailbox_element(from, caf::make_message_id(), {}, std::move(message)),
              runtime::run_loop::current());
}

}  // namespace troupe::link
