#include "actors/link/peer_link.hpp"

#include <algorithm>
#include <utility>

#include <caf/system_messages.hpp>

#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::link {

using observe::log_event;
using observe::log_level;
using observe::log_module;

namespace {

constexpr std::int64_t tick_ms = 200;
// A node that came by itself, was never named and is gone is forgotten after this.
constexpr std::int64_t guest_ms = 60'000;

}  // namespace

peer_link::peer_link(caf::actor_config& cfg, std::shared_ptr<link_context> context,
                     peer_address where, link_record& record)
    : lean_actor(cfg),
      context_(std::move(context)),
      where_(std::move(where)),
      record_(record),
      call_(*context_, ctrl()) {
  trap_exit(true);
}

void peer_link::receive(caf::mailbox_element& m) {
  if (!std::exchange(started_, true)) {
    plan_call(0);
    plan_timer();
  }
  if (runtime::payload<outbox_filled>(m) != nullptr) {
    loop().flush_later(*this);
  } else if (const auto* seen = runtime::payload<scouted>(m);
             seen != nullptr && seen->attempt == scouting_) {
    scouting_ = 0;
    if (seen->refused && pairing_ && !pairing_->attached())
      end("Its process is gone: nobody listens there", false);
  } else if (call_.receive(m, loop().now())) {
    look_at_call();
  } else if (const auto* bytes = runtime::payload<blob>(m)) {
    take_blob(bytes->bytes);
  } else if (auto* who = runtime::mutable_payload<introduced>(m)) {
    take_caller(*who);
  } else if (const auto* yes = runtime::payload<vouched>(m)) {
    if (caller_ && yes->attempt == caller_attempt_) welcome_caller();
  } else if (const auto* answered = runtime::payload<question_answered>(m)) {
    if (pairing_ && pairing_->tag() == answered->pairing) {
      pairing_->answer(answered->question);
      loop().flush_later(*this);
    }
  } else if (const auto* down = runtime::payload<caf::down_msg>(m)) {
    if (remote_ && caf::actor_cast<caf::strong_actor_ptr>(down->source) == remote_)
      connection_lost("The connection broke");
  } else if (auto* to = runtime::mutable_payload<change_address>(m)) {
    where_.name = std::move(to->name);
    where_.host = std::move(to->host);
    where_.port = to->port;
    update_figures();
  } else if (const auto* last = runtime::payload<part>(m)) {
    end(last->sentence, true);
    quit(caf::exit_reason::normal);
  }
  // Anything else comes from a stranger: exit messages, requests.
}

void peer_link::describe(runtime::actor_description& to) const {
  to.serves = "node " + (where_.name.empty() ? where_.host : where_.name);
  if (!pairing_) to.waits_for = "that node";
}

void peer_link::on_exit(const caf::error& reason) {
  if (pairing_) end("This node stops", false);
  if (scheduled() && home() == runtime::run_loop::current()) home()->timers().cancel(*this);
  call_.cancel();
  drop_remote();
  caller_.reset();
  caller_handle_ = nullptr;
  record_.box.close();
  lean_actor::on_exit(reason);
}

// -- connection ----------------------------------------------------------------------

/// Two nodes that dial each other at once would kill both connections in CAF.
bool peer_link::dials() const {
  return cluster::number(context_->settings.terms.self.node) < cluster::number(where_.node);
}

void peer_link::plan_call(std::int64_t delay_ms) {
  if (dials()) call_at_ = std::max<std::int64_t>(1, loop().now() + delay_ms);
}

void peer_link::call() {
  call_at_ = 0;
  if (context_->stopping || call_.active() || remote_ || where_.port == 0) return;
  call_.start(
      where_, false,
      [this] {
        return pairing_ ? cluster::resume_point{pairing_->tag(), pairing_->received()}
                        : cluster::resume_point{};
      },
      loop().now());
  update_figures();
}

void peer_link::look_at_call() {
  if (call_.is() == outgoing_call::state::failed) {
    call_failed();
  } else if (call_.is() == outgoing_call::state::done) {
    const auto who = call_.known();
    const auto remote = call_.remote();
    call_.cancel();
    connected(who, remote);
  }
}

void peer_link::call_failed() {
  note_error(call_.error());
  const bool gone = call_.refused();
  call_.cancel();
  if (pairing_ && gone) end("Its process is gone: nobody listens there", false);
  const auto& s = context_->settings;
  retry_ms_ = std::clamp(retry_ms_ * 2, s.first_retry_ms, s.longest_retry_ms);
  plan_call(context_->jitter(retry_ms_));
  plan_timer();
  update_figures();
}

void peer_link::take_caller(introduced& who) {
  caller_ = std::move(who.how);
  caller_handle_ = std::move(who.caller);
  caller_attempt_ = ++context_->last_attempt;
  context_->vouch(caf::strong_actor_ptr{ctrl()}, caller_attempt_);
}

void peer_link::welcome_caller() {
  const auto how = std::exchange(caller_, nullptr);
  const auto remote = std::exchange(caller_handle_, nullptr);
  const auto& who = how->known();
  // The caller says by calling that the old connection is of no use to it.
  if (pairing_) pairing_->detach(loop().now());
  drop_remote();
  if (pairing_ && !resumable(who))
    end(who.peer.incarnation != incarnation_ ? "Its process is another now"
                                             : "The pairing could not be resumed",
        false);
  const bool resumed = pairing_.has_value();
  const auto bytes =
      how->vouched({0, resumed ? pairing_->received() : 0}, resumed);
  tell_from(caf::strong_actor_ptr{ctrl()}, remote, blob{bytes});
  auto known = who;
  known.resumed = resumed;
  connected(known, remote);
}

bool peer_link::resumable(const cluster::acquaintance& who) const {
  return who.theirs.pairing != 0 && who.theirs.pairing == pairing_->tag() &&
         who.peer.incarnation == incarnation_ && pairing_->may_attach(who.theirs.received);
}

void peer_link::connected(const cluster::acquaintance& who, const caf::strong_actor_ptr& remote) {
  retry_ms_ = 0;
  call_at_ = 0;
  if (remote) {
    remote_ = remote;
    monitor(remote_);
  }
  if (pairing_ && who.resumed && pairing_->may_attach(who.theirs.received)) {
    pairing_->attach(who.session, who.theirs.received, *this, loop().now());
    ++counts_.resumed;
    log_event(log_module::cluster, log_level::info, "Link resumed",
              {{"node", where_.name}, {"pairing", number_}});
  } else if (who.resumed) {
    end("The pairing could not be resumed", true);
    drop_remote();
    plan_call(context_->jitter(context_->settings.first_retry_ms));
  } else {
    if (pairing_) end("The peer began anew", false);
    begin(who);
  }
  loop().flush_later(*this);
  plan_timer();
  update_figures();
}

void peer_link::connection_lost(const std::string& why) {
  drop_remote();
  note_error(why);
  if (pairing_) {
    ++counts_.breaks;
    pairing_->detach(loop().now());
    log_event(log_module::cluster, log_level::info, "Link broken, trying to resume it",
              {{"node", where_.name}, {"why", why}});
  }
  plan_call(0);
  plan_timer();
  update_figures();
}

/// If the process of a peer that should call us is gone there is nothing to wait for.
void peer_link::look_for_caller() {
  if (dials() || !pairing_ || pairing_->attached() || scouting_ != 0 || where_.port == 0) return;
  scouting_ = ++context_->last_attempt;
  context_->probe.look(
      {where_.host, where_.port, context_->settings.limits.resume_ms, scouting_, {}},
      caf::strong_actor_ptr{ctrl()});
}

void peer_link::drop_remote() {
  if (!remote_) return;
  demonitor(remote_);
  remote_ = nullptr;
}

// -- pairing ---------------------------------------------------------------------------

void peer_link::begin(const cluster::acquaintance& who) {
  const auto now = loop().now();
  pairing_.emplace(context_->settings.limits, who.session, now);
  pairing_->attach(who.session, 0, *this, now);
  incarnation_ = who.peer.incarnation;
  number_ = ++context_->last_pairing;
  where_.name = who.peer.name;
  ++counts_.pairings;
  counts_.up_since_ms = loop().wall();
  log_event(log_module::cluster, log_level::info, "Link up",
            {{"node", where_.name}, {"id", cluster::number(where_.node)}, {"pairing", number_}});
  record_.box.open(caf::strong_actor_ptr{ctrl()}, who.version);
  update_figures();
  context_->events.peer_up(where_.node, pairing_->tag());
}

void peer_link::end(const std::string& why, bool tell_peer) {
  if (!pairing_) return;
  if (tell_peer && remote_ && pairing_->attached())
    tell(remote_, blob{cluster::encode_goodbye(pairing_->session(), why)});
  auto rest = record_.box.close();
  counts_.frames_lost += rest.size() + pairing_->frames_waiting();
  // Holds that are let go may send: the pairing is gone by then.
  auto old = std::move(pairing_);
  pairing_.reset();
  const auto number = std::exchange(number_, 0);
  const auto tag = old->tag();
  incarnation_ = 0;
  note_error(why);
  log_event(log_module::cluster, log_level::warning, "Link down",
            {{"node", where_.name}, {"pairing", number}, {"why", why}});
  update_figures();
  rest.clear();
  old.reset();
  if (!context_->closed.load()) context_->events.peer_down(where_.node, tag);
}

void peer_link::take_blob(const std::string& bytes) {
  if (!pairing_ || !pairing_->attached()) return;
  if (!bytes.empty() && bytes.front() == cluster::control_mark) {
    std::string why;
    if (!cluster::decode_goodbye(bytes, pairing_->session(), why)) return;
    end("It said goodbye: " + why, false);
    drop_remote();
    retry_ms_ = context_->settings.longest_retry_ms / 4;
    plan_call(context_->jitter(retry_ms_));
    plan_timer();
    return;
  }
  ++counts_.batches_received;
  const auto error = pairing_->take(bytes, *this, loop().now());
  if (!error.empty()) {
    // The bytes came in order over TCP, so what is wrong will not mend itself.
    end(error, true);
    drop_remote();
    plan_call(context_->jitter(context_->settings.longest_retry_ms));
    plan_timer();
    return;
  }
  loop().flush_later(*this);
}

void peer_link::frame_arrived(cluster::channel to, std::string_view bytes) {
  ++counts_.frames_received;
  counts_.bytes_received += bytes.size();
  // A newer release's: it minds that this node does not know what it says there.
  if (!cluster::is_known(to)) return;
  context_->events.received(where_.node, to, bytes);
}

void peer_link::question_arrived(std::uint64_t number) {
  const auto tag = pairing_->tag();
  if (!context_->hooks.answer_question) {
    tell(caf::strong_actor_ptr{ctrl()}, question_answered{tag, number});
    return;
  }
  context_->hooks.answer_question([self = caf::strong_actor_ptr{ctrl()}, tag, number] {
    tell(self, question_answered{tag, number});
  });
}

void peer_link::frames_settled(std::size_t cost) { record_.box.settle(cost); }

void peer_link::flush_turn() {
  if (!pairing_) return;
  const bool keeps_up = record_.box.drain(fresh_);
  for (auto& each : fresh_) pairing_->queue(std::move(each));
  fresh_.clear();
  if (!keeps_up) {
    end("It cannot keep up: " + std::to_string(context_->settings.limits.hard_limit >> 20) +
            " MiB wait for it",
        true);
    drop_remote();
    plan_call(context_->jitter(context_->settings.longest_retry_ms));
    plan_timer();
    return;
  }
  send_out();
}

void peer_link::send_out() {
  const auto now = loop().now();
  while (pairing_->next_batch(batch_, now)) {
    ++counts_.batches_sent;
    tell(remote_, blob{std::move(batch_)});
    batch_ = {};
  }
  if (const auto due = pairing_->ack_due(); due && (!scheduled() || due_ms() > *due + 16))
    plan_timer();
}

// -- time, figures -----------------------------------------------------------------------

void peer_link::plan_timer() {
  auto at = loop().now() + tick_ms;
  if (call_at_ != 0) at = std::min(at, call_at_);
  if (pairing_)
    if (const auto due = pairing_->ack_due()) at = std::min(at, *due);
  loop().timers().schedule(*this, at);
}

void peer_link::on_timer() {
  auto* here = runtime::run_loop::current();
  const auto now = here->now();
  call_.tick(now);
  look_at_call();
  if (call_at_ != 0 && now >= call_at_) call();
  look_for_caller();
  if (pairing_) {
    if (const auto why = pairing_->tick(now)) {
      end(std::string(cluster::sentence(*why)), true);
      drop_remote();
      plan_call(0);
    } else {
      here->flush_later(*this);
    }
  }
  update_figures();
  plan_timer();
  if (pairing_ || guest_since_ == 0) guest_since_ = now;
  if (now - guest_since_ > guest_ms) leave_if_guest();
}

void peer_link::leave_if_guest() {
  const auto found = context_->links.find(where_.node);
  if (found == context_->links.end() || found->second.member) return;
  context_->links.erase(found);
  tell(caf::strong_actor_ptr{ctrl()}, part{"It was a guest"});
}

void peer_link::update_figures() {
  counts_.node = where_.node;
  counts_.name = where_.name;
  counts_.host = where_.host;
  counts_.port = where_.port;
  counts_.pairing = number_;
  if (pairing_) {
    counts_.state = pairing_->attached() ? link_state::up : link_state::broken;
    counts_.flight_bytes = pairing_->bytes_in_flight();
    counts_.waiting_frames = pairing_->records_waiting();
    counts_.round_trip_ms = pairing_->round_trip_ms();
  } else {
    counts_.state = call_.active() ? link_state::calling : link_state::waiting;
    counts_.flight_bytes = counts_.waiting_frames = 0;
  }
  const std::lock_guard lock(record_.mutex);
  record_.figures = counts_;
}

void peer_link::note_error(const std::string& why) {
  if (why != counts_.last_error)
    log_event(log_module::cluster, log_level::info, "Link: " + why, {{"node", where_.name}});
  counts_.last_error = why;
}

}  // namespace troupe::link
