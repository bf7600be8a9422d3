#include "actors/link/seeker.hpp"

#include <algorithm>
#include <utility>

#include "actors/observe/log.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::link {

using observe::log_event;
using observe::log_level;
using observe::log_module;

seeker::seeker(caf::actor_config& cfg, std::shared_ptr<link_context> context, std::string host,
               std::uint16_t port)
    : lean_actor(cfg),
      context_(std::move(context)),
      where_{cluster::no_node, {}, std::move(host), port},
      call_(*context_, ctrl()) {
  trap_exit(true);
}

void seeker::receive(caf::mailbox_element& m) {
  if (!std::exchange(started_, true)) call();
  if (call_.receive(m, loop().now()))
    look_at_call();
  else if (runtime::payload<part>(m) != nullptr)
    quit(caf::exit_reason::normal);
}

void seeker::on_exit(const caf::error& reason) {
  if (scheduled() && home() == runtime::run_loop::current()) home()->timers().cancel(*this);
  call_.cancel();
  lean_actor::on_exit(reason);
}

void seeker::call() {
  call_at_ = 0;
  call_.start(where_, true, [] { return cluster::resume_point{}; }, loop().now());
  loop().timers().schedule(*this, call_.deadline());
}

void seeker::look_at_call() {
  if (call_.is() == outgoing_call::state::failed) {
    if (call_.own_address()) {
      log_event(log_module::cluster, log_level::debug, "A seed is this node itself",
                {{"host", where_.host}, {"port", where_.port}});
      quit(caf::exit_reason::normal);
      return;
    }
    if (std::exchange(last_error_, call_.error()) != call_.error())
      log_event(log_module::cluster, log_level::info, "A seed does not answer yet",
                {{"host", where_.host}, {"port", where_.port}, {"why", last_error_}});
    again();
  } else if (call_.is() == outgoing_call::state::done) {
    const auto who = call_.known().peer;
    context_->met(who);
    if (context_->hooks.found) context_->hooks.found(who, where_.host, where_.port);
    quit(caf::exit_reason::normal);
  }
}

void seeker::again() {
  call_.cancel();
  const auto& s = context_->settings;
  retry_ms_ = std::clamp(retry_ms_ * 2, s.first_retry_ms, s.longest_retry_ms);
  call_at_ = loop().now() + context_->jitter(retry_ms_);
  loop().timers().schedule(*this, call_at_);
}

void seeker::on_timer() {
  const auto now = loop().now();
  call_.tick(now);
  if (call_.is() == outgoing_call::state::failed)
    again();
  else if (call_at_ != 0 && now >= call_at_)
    call();
  else if (call_.active())
    loop().timers().schedule(*this, call_.deadline());
}

}  // namespace troupe::link
