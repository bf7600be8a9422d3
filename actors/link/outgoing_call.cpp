#include "actors/link/outgoing_call.hpp"

#include <set>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/node_id.hpp>

#include "actors/link/tell.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::link {

namespace {

using ports = std::set<std::string>;
constexpr std::int64_t scout_limit_ms = 2'000;

}  // namespace

void outgoing_call::start(const peer_address& to, bool looking,
                          std::function<cluster::resume_point()> where, std::int64_t now) {
  cancel();
  to_ = to;
  looking_ = looking;
  where_ = std::move(where);
  attempt_ = ++context_.last_attempt;
  deadline_ = now + scout_limit_ms + context_.settings.greeting_ms;
  error_.clear();
  refused_ = own_ = false;
  state_ = state::scouting;
  context_.probe.look(to_.host, to_.port, scout_limit_ms, attempt_,
                      caf::strong_actor_ptr{owner_});
}

void outgoing_call::cancel() {
  state_ = state::idle;
  attempt_ = 0;
  response_ = 0;
  greeting_.reset();
  door_ = nullptr;
  remote_ = nullptr;
}

void outgoing_call::fail(std::string why) {
  cancel();
  error_ = std::move(why);
  state_ = state::failed;
}

void outgoing_call::tick(std::int64_t now) {
  if (!active() || now < deadline_) return;
  fail(state_ == state::greeting ? "It did not answer the greeting in time"
                                 : "It could not be reached in time");
}

bool outgoing_call::receive(caf::mailbox_element& m, std::int64_t now) {
  if (auto* seen = runtime::mutable_payload<scouted>(m)) {
    if (state_ != state::scouting || seen->attempt != attempt_) return true;
    if (seen->address.empty()) {
      const bool nobody = seen->refused;
      fail(std::move(seen->error));
      refused_ = nobody;
    } else {
      deadline_ = now + context_.settings.greeting_ms;
      connect(seen->address);
    }
    return true;
  }
  if (m.mid.is_response()) {
    if (state_ == state::connecting && m.mid.integer_value() == response_)
      connected(m);
    return true;
  }
  if (const auto* yes = runtime::payload<vouched>(m)) {
    if (state_ != state::greeting || yes->attempt != attempt_) return false;
    tell_from(caf::strong_actor_ptr{owner_}, door_, blob{greeting_->vouched(where_())});
    return true;
  }
  const auto* bytes = runtime::payload<blob>(m);
  if (bytes == nullptr || state_ != state::greeting) return false;
  if (cluster::introduction::addressee(bytes->bytes) != greeting_->nonce()) return false;
  answer(greeting_->take(bytes->bytes), m);
  return true;
}

void outgoing_call::connect(const std::string& address) {
  state_ = state::connecting;
  const auto mid = caf::make_message_id(++context_.last_attempt);
  response_ = mid.response_id().integer_value();
  context_.middleman->enqueue(
      caf::make_mailbox_element(caf::strong_actor_ptr{owner_}, mid, {}, caf::connect_atom_v,
                                address, to_.port),
      runtime::run_loop::current());
}

void outgoing_call::connected(caf::mailbox_element& m) {
  auto& content = m.content();
  if (runtime::content_is<caf::error>(content)) {
    fail("CAF could not connect: " +
         context_.system.render(content.get_as<caf::error>(0)));
    return;
  }
  if (!runtime::content_is<caf::node_id, caf::strong_actor_ptr, ports>(content)) {
    fail("CAF's answer is not understood");
    return;
  }
  door_ = content.get_as<caf::strong_actor_ptr>(1);
  if (content.get_as<caf::node_id>(0) == context_.system.node()) {
    fail("The address is this node's own");
    own_ = true;
  } else if (!door_) {
    fail("Nobody receives calls there");
  } else {
    greet();
  }
}

void outgoing_call::greet() {
  state_ = state::greeting;
  greeting_.emplace(cluster::introduction::role::dialer, context_.settings.terms,
                    context_.new_nonce());
  tell_from(caf::strong_actor_ptr{owner_}, door_, blob{greeting_->open(looking_, to_.node)});
}

void outgoing_call::answer(cluster::introduction::step step, const caf::mailbox_element& m) {
  using enum cluster::introduction::step;
  switch (step) {
    case wait:
    case send:
      break;
    case vouch:
      context_.vouch(caf::strong_actor_ptr{owner_}, attempt_);
      break;
    case done:
      remote_ = m.sender;
      door_ = nullptr;
      state_ = state::done;
      break;
    case refused: {
      if (!greeting_->reply().empty()) tell(door_, blob{greeting_->reply()});
      const bool own =
          greeting_->known().peer.node == context_.settings.terms.self.node &&
          greeting_->known().peer.incarnation == context_.settings.terms.self.incarnation;
      fail(greeting_->sentence());
      own_ = own;
      break;
    }
  }
}

}  // namespace troupe::link
