#include "actors/link/door.hpp"

#include <algorithm>
#include <utility>

#include <caf/actor_system.hpp>

#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::link {

using observe::log_event;
using observe::log_level;
using observe::log_module;

namespace {

constexpr std::size_t most_guests = 64;
constexpr std::int64_t sweep_ms = 1'000;

}  // namespace

door::door(caf::actor_config& cfg, std::shared_ptr<link_context> context)
    : lean_actor(cfg), context_(std::move(context)) {
  trap_exit(true);
}

void door::receive(caf::mailbox_element& m) {
  if (const auto* bytes = runtime::payload<blob>(m)) {
    if (m.sender && m.sender->node() != system().node()) greet(bytes->bytes, m.sender);
  } else if (const auto* yes = runtime::payload<vouched>(m)) {
    welcome_looker(yes->attempt);
  } else if (runtime::payload<part>(m) != nullptr) {
    quit(caf::exit_reason::normal);
  }
}

void door::on_exit(const caf::error& reason) {
  if (scheduled() && home() == runtime::run_loop::current()) home()->timers().cancel(*this);
  guests_.clear();
  lean_actor::on_exit(reason);
}

void door::greet(const std::string& bytes, const caf::strong_actor_ptr& who) {
  if (context_->stopping) return;
  const auto mine = cluster::introduction::addressee(bytes);
  auto at = mine.empty() ? guests_.end() : guests_.find(mine);
  if (at == guests_.end()) {
    if (!mine.empty()) return;  // of a greeting that is over
    if (guests_.size() >= most_guests)
      guests_.erase(std::min_element(guests_.begin(), guests_.end(), [](auto& a, auto& b) {
        return a.second.since < b.second.since;
      }));
    auto nonce = context_->new_nonce();
    guest made{std::make_shared<cluster::introduction>(cluster::introduction::role::acceptor,
                                                       context_->settings.terms, nonce),
               who, loop().now(), 0};
    at = guests_.emplace(std::move(nonce), std::move(made)).first;
    if (!scheduled()) loop().timers().schedule(*this, loop().now() + sweep_ms);
  }
  using enum cluster::introduction::step;
  switch (at->second.greeting->take(bytes)) {
    case wait:
    case done:
      break;
    case send:
      tell_from(caf::strong_actor_ptr{ctrl()}, at->second.who,
                blob{at->second.greeting->reply()});
      break;
    case vouch:
      proven(at);
      break;
    case refused:
      if (!at->second.greeting->reply().empty())
        tell(at->second.who, blob{at->second.greeting->reply()});
      log_event(log_module::cluster, log_level::warning, "A caller was refused",
                {{"why", at->second.greeting->sentence()},
                 {"says", at->second.greeting->known().peer.name}});
      guests_.erase(at);
      break;
  }
}

void door::refuse(std::map<std::string, guest>::iterator at, std::string why) {
  log_event(log_module::cluster, log_level::info, "A node was refused",
            {{"node", at->second.greeting->known().peer.name}, {"why", why}});
  tell(at->second.who, blob{at->second.greeting->refuse(std::move(why))});
  guests_.erase(at);
}

void door::proven(std::map<std::string, guest>::iterator at) {
  auto& x = at->second;
  const auto who = x.greeting->known();
  if (context_->hooks.objection) {
    auto objection = context_->hooks.objection(who.peer);
    if (!objection.empty()) return refuse(at, std::move(objection));
  }
  if (who.looking) {
    x.attempt = ++context_->last_attempt;
    context_->vouch(caf::strong_actor_ptr{ctrl()}, x.attempt);
    return;
  }
  if (cluster::number(who.peer.node) > cluster::number(context_->settings.terms.self.node))
    return refuse(at, "The node with the lower id calls: this one");
  const auto link =
      context_->link_with({who.peer.node, who.peer.name, who.peer.host, who.peer.port});
  if (!link) return refuse(at, "There are too many nodes, or this one is stopping");
  tell(link, introduced{std::move(x.greeting), std::move(x.who)});
  guests_.erase(at);
}

void door::welcome_looker(std::uint64_t attempt) {
  const auto at = std::find_if(guests_.begin(), guests_.end(),
                               [&](auto& each) { return each.second.attempt == attempt; });
  if (at == guests_.end()) return;
  const auto who = at->second.greeting->known().peer;
  tell_from(caf::strong_actor_ptr{ctrl()}, at->second.who,
            blob{at->second.greeting->vouched({}, false)});
  guests_.erase(at);
  context_->met(who);
}

void door::on_timer() {
  const auto now = runtime::run_loop::current()->now();
  std::erase_if(guests_, [&](auto& each) {
    return now - each.second.since > context_->settings.greeting_ms;
  });
  if (!guests_.empty()) runtime::run_loop::current()->timers().schedule(*this, now + sweep_ms);
}

}  // namespace troupe::link
