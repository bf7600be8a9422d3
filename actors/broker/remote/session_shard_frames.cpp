// A session shard in a cluster: what other nodes say to it, and routes of sessions awake elsewhere.

#include <type_traits>
#include <utility>

#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/trace/hops.hpp"

namespace troupe::broker {

namespace {

// Of what is more, a CONNECT or a change of a route is asked for again.
constexpr std::size_t most_early = 1 << 16;

}  // namespace

/// Nothing was done: it is to be asked again.
template <class Answer>
void session_shard::say_not_owner(cluster::node_id to, std::uint64_t request) {
  constexpr auto kind = std::is_same_v<Answer, peer::SessionGrant>
                            ? frame_kind::session_grant
                            : frame_kind::session_route_answer;
  Answer answer;
  answer.set_request(request);
  answer.set_not_owner(true);
  context_.remote->send(to, kind, number(shard_), answer);
}

// --- routes of sessions that are awake elsewhere -------------------------------------

void session_shard::route_for_owner(route_change change) {
  if (is_owner() && !loading_) return context_.announce_route(std::move(change));
  const auto request = next_request_++;
  send_route(request, route_changes_.emplace(request, waiting_route{std::move(change)}).first->second);
}

void session_shard::send_route(std::uint64_t request, waiting_route& w) {
  if (is_owner() || owner_.node == cluster::no_node || w.from != cluster::no_node) return;
  peer::RouteChange frame;
  frame.set_request(request);
  frame.set_to_epoch(owner_.epoch);
  put_route(w.change, *frame.mutable_route());
  w.sent = context_.remote->send(owner_.node, frame_kind::session_route, number(shard_), frame);
}

void session_shard::on_route(cluster::node_id from, const peer::RouteChange& frame) {
  if (!is_owner()) return say_not_owner<peer::RouteAnswer>(from, frame.request());
  if (loading_) {
    peer_message kept{from, static_cast<std::uint8_t>(frame_kind::session_route),
                      frame.SerializeAsString()};
    if (early_.size() >= most_early)
      return say_not_owner<peer::RouteAnswer>(from, frame.request());
    early_.push_back({owner_.epoch, std::move(kept)});
    return;
  }
  if (frame.route().filter().empty()) return;
  const auto who = context_.remote->sessions().find(session_id(frame.route().session()));
  if (!who || who->remote()) {
    peer::RouteAnswer answer;  // it has ended
    answer.set_request(frame.request());
    context_.remote->send(from, frame_kind::session_route_answer, number(shard_), answer);
    return;
  }
  auto change = route_of(frame.route(), from);
  who->online(frame.route().online());
  who->full(frame.route().full());
  change.what.who = who;
  const auto token = next_request_++;
  change.token = token;
  change.answer_to = strong(*this);
  waiting_route w;
  w.from = from;
  w.request = frame.request();
  route_changes_.emplace(token, std::move(w));
  context_.announce_route(std::move(change));
}

void session_shard::route_done(const route_changed& done) {
  auto node = route_changes_.extract(done.token);
  if (node.empty()) return;
  peer::RouteAnswer answer;
  answer.set_request(node.mapped().request);
  for (const auto& v : done.versions) {
    auto& added = *answer.add_versions();
    added.set_run(v.run);
    added.set_version(v.number);
  }
  context_.remote->send(node.mapped().from, frame_kind::session_route_answer, number(shard_),
                        answer);
}

// --- frames ----------------------------------------------------------------------

void session_shard::on_forward(cluster::node_id from, const peer::Forward& frame) {
  caf::strong_actor_ptr last;  // a frame is for one session
  for (const auto& item : frame.items()) {
    const auto who = context_.remote->sessions().find(session_id(item.terms().session()));
    if (!who || frame.stream() == 0 || who->stream() != frame.stream()) continue;
    auto d = delivery_of(item);
    if (!d.body) continue;
    auto actor = who->actor();
    if (!actor) continue;
    if (context_.traced())
      trace_receiver(context_, *d.body, who->client_id(), trace_hop::arrived,
                     "For its session, which is awake here", from);
    deliver one;
    one.messages.push_back(std::move(d));
    tell(actor, std::move(one));
    last = std::move(actor);
  }
  if (last && frame.owed() != 0) tell(last, queue_elsewhere{frame.owed(), frame.owed_bytes()});
}

void session_shard::on(const peer_message& frame) {
  const auto read = [&](auto content, auto use) {
    if (!content.ParseFromString(frame.bytes)) return;
    // The sender has heard of an owner, perhaps of this node, of which this actor will hear.
    if constexpr (requires { content.to_epoch(); })
      if (content.to_epoch() > owner_.epoch) {
        if (early_.size() < most_early)
          early_.push_back({content.to_epoch(), frame});
        else if constexpr (std::is_same_v<decltype(content), peer::OpenSession>)
          say_not_owner<peer::SessionGrant>(frame.from, content.request());
        else if constexpr (std::is_same_v<decltype(content), peer::RouteChange>)
          say_not_owner<peer::RouteAnswer>(frame.from, content.request());
        return;
      }
    use(content);
  };
  switch (static_cast<frame_kind>(frame.kind)) {
    case frame_kind::open_session:
      return read(peer::OpenSession{}, [&](auto& c) {
        opening wanted;
        wanted.from = frame.from;
        wanted.request = c.request();
        wanted.client_id = c.client_id();
        wanted.clean_start = c.clean_start();
        wanted.durable = c.durable();
        wanted.username = c.username();
        if (c.has_will()) wanted.will = will_of(c.will());
        if (!is_owner()) return say_not_owner<peer::SessionGrant>(frame.from, c.request());
        if (loading_)
          openings_.emplace(next_request_++, std::move(wanted));
        else
          serve(std::move(wanted));
      });
    case frame_kind::session_grant:
      return read(peer::SessionGrant{}, [&](auto& c) { granted(c); });
    case frame_kind::session_ended:
      return read(peer::SessionEnded{}, [&](auto& c) { on_ended(frame.from, c); });
    case frame_kind::session_rested:
      return read(peer::SessionRested{}, [&](auto& c) { on_rested(frame.from, c); });
    case frame_kind::sessions_here:
      return read(peer::SessionsHere{}, [&](auto& c) { on_here(frame.from, c); });
    case frame_kind::session_yield:
      return read(peer::SessionYield{}, [&](auto& c) { on_yield(c); });
    case frame_kind::forward:
      return read(peer::Forward{}, [&](auto& c) { on_forward(frame.from, c); });
    case frame_kind::session_route:
      return read(peer::RouteChange{}, [&](auto& c) { on_route(frame.from, c); });
    case frame_kind::session_route_answer:
      return read(peer::RouteAnswer{}, [&](auto& c) {
        if (c.not_owner()) {
          if (auto it = route_changes_.find(c.request()); it != route_changes_.end())
            it->second.sent = false;
          return;
        }
        auto node = route_changes_.extract(c.request());
        if (node.empty()) return;
        const auto& change = node.mapped().change;
        route_changed done{change.token, change.entry, {}};
        for (const auto& v : c.versions()) done.versions.push_back({v.run(), v.version()});
        if (change.token != 0) tell(change.answer_to, std::move(done));
      });
    case frame_kind::trim_queue:
      return read(peer::TrimQueue{}, [&](auto& c) {
        if (auto who = context_.remote->sessions().find(session_id(c.session())))
          if (auto actor = who->actor()) tell(actor, trim_queue{who});
      });
    default:
      return;
  }
}

}  // namespace troupe::broker
