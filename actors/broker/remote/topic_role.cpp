#include "actors/broker/remote/topic_role.hpp"

#include <algorithm>
#include <type_traits>

#include "actors/broker/audit/explain.hpp"
#include "actors/broker/tell.hpp"

namespace troupe::broker {

using observe::counter;

namespace {

// Ticks, of about a second. Longer than any change of an owner takes; a client
// that hears nothing for that long is better told.
constexpr unsigned patience = 15;
// Clean sessions that have not been announced by then are not waited for.
constexpr unsigned patience_for_clean = 3;

/// What a node announces, or a part of it.
template <class Frame>
constexpr bool is_route = std::is_same_v<Frame, peer::RoutesBegin> ||
                          std::is_same_v<Frame, peer::RouteChange> ||
                          std::is_same_v<Frame, peer::RoutesComplete>;

}  // namespace

topic_role::topic_role(broker_context& context, shard_id shard, matcher& routes, host owner)
    : context_(context),
      net_(*context.remote),
      shard_(shard),
      routes_(routes),
      host_(std::move(owner)),
      view_{net_.self(), std::vector<shard_owner>(net_.shards()), {}, {}},
      outbox_(net_, shard, view_,
              [this](const peer::Deliver& here) { host_.deliver(view_.self, here); },
              [this](const delivery_outbox::progress& p) { host_.progress(p); }),
      announced_(net_.shards()),
      own_(net_.shards()),
      next_request_(net_.first_request()),
      audit_(context, number(shard), view_, routes.ledger(),
             {[this] {
                const auto to = view_.owner(shard_).node;
                const bool there = to != cluster::no_node && to != view_.self && view_.is_up(to);
                return there ? std::vector{to} : std::vector<cluster::node_id>{};
              },
              [this] { return is_owner(); },
              [this](shard_id s) { return announced_[number(s)]; },
              [this](shard_id s) { return own_[number(s)]; },
              [this](cluster::node_id node) {
                if (node != view_.owner(shard_).node) return;
                routes_.erase_if(
                    [](const subscription& s) { return s.who->ended() && !s.who->remote(); });
                send_routes();
              },
              [this](const std::function<bool(const subscription&)>& gone) {
                routes_.erase_if(gone);
                context_.wildcards.exact_changed();
              },
              [this](const std::string& topic, route_report& report) {
                explain(context_, routes_, topic, report);
              }}) {}

void topic_role::ask(route_question question) {
  const auto owner = view_.owner(shard_).node;
  audit_.ask(std::move(question), owner == cluster::no_node
                                      ? std::vector<cluster::node_id>{}
                                      : std::vector{owner});
}

void topic_role::answer(broker_context& context, shard_id shard, const publish_batch& batch,
                        publish_outcomes outcomes) {
  if (outcomes.empty()) return;
  if (batch.origin == cluster::no_node)
    return tell(batch.answer_to, publish_outcome{std::move(outcomes)});
  peer::PublishAnswer frame;
  frame.set_request(batch.request);
  for (const auto& [token, reason] : outcomes) {
    frame.add_items(static_cast<std::uint32_t>(token - 1));
    frame.mutable_reasons()->push_back(static_cast<char>(reason));
  }
  context.remote->send(batch.origin, frame_kind::publish_answer, number(shard), frame);
}

// --- roles -----------------------------------------------------------------------

void topic_role::on(const owner_now& change) {
  const bool was_owner = is_owner();
  view_.owners[number(change.shard)] = change.owner;
  if (change.shard == shard_) {
    begin_again();
    if (was_owner && !is_owner()) step_down();
    if (is_owner()) {
      take_over();
    } else if (change.owner.node != cluster::no_node) {
      send_routes();
      resend();
    }
    for (auto& each : std::exchange(early_, {})) {
      if (each.epoch > epoch())
        early_.push_back(std::move(each));
      else
        on(each.frame);
    }
  }
  outbox_.retry();
  check();
  refuse_what_waits();
}

void topic_role::take_over() {
  serving_ = false;
  ticks_as_owner_ = 0;
  announced_ = own_;
  awaited_ = view_.up;
  // What waited for an owner is ours, in its order.
  unsent_ = 0;
  for (auto& [request, w] : std::exchange(publishes_, {})) held_.push_back({std::move(w.batch), 0});
  const auto version = context_.wildcards.version();
  for (auto& [request, w] : std::exchange(changes_, {}))
    tell(w.change.answer_to,
         route_changed{w.change.token, w.change.entry, {{context_.run_id, version}}});
}

void topic_role::step_down() {
  serving_ = false;
  routes_.erase_if([](const subscription& s) { return s.who->remote(); });
  context_.wildcards.exact_changed();
  for (auto& each : std::exchange(held_, {})) publish(std::move(each.batch));
}

bool topic_role::announced(std::uint16_t session_shard) const {
  const auto& owner = view_.owners[session_shard];
  // An owner that is gone leaves what it had announced; nothing can have been added since.
  // One that cannot be heard may be telling of new ones.
  const bool heard = owner.node == cluster::no_node || owner.node == view_.self ||
                     view_.is_up(owner.node);
  return heard && owner.epoch != 0 && announced_[session_shard] >= owner.epoch &&
         net_.wildcards_announced(static_cast<shard_id>(session_shard)) >= owner.epoch;
}

void topic_role::check() {
  if (!is_owner()) return;
  serving_ = awaited_.empty() || ticks_as_owner_ >= patience_for_clean;
  for (std::uint16_t i = 0; serving_ && i < net_.shards(); ++i) serving_ = announced(i);
  while (serving_ && !held_.empty()) {
    auto next = std::move(held_.front().batch);
    held_.pop_front();
    host_.publish(next);
  }
}

void topic_role::on(const peer_changed& change) {
  view_.set_up(change.node, change.up, change.pairing);
  audit_.on(change);
  if (!change.up) {
    std::erase(awaited_, change.node);
    refused_.erase(change.node);  // what it sends from now on is sent anew
    std::erase_if(early_, [&](const auto& each) { return each.frame.from == change.node; });
    outbox_.lost(change.node);
    if (change.node == view_.owner(shard_).node) {
      begin_again();
      for (auto& [request, w] : changes_) w.sent = false;
    }
    // Clean sessions ended with their node, or begin anew when it is seen again.
    routes_.erase_if([&](const subscription& s) {
      return !s.who->kept() && s.who->announcer() == change.node;
    });
    context_.wildcards.exact_changed();
  } else {
    if (change.node == view_.owner(shard_).node) {
      send_routes();
      resend();
    }
    outbox_.retry();
  }
  check();
  refuse_what_waits();
}

void topic_role::on(const majority_changed& news) {
  cut_off_ = !news.seen;
  refuse_what_waits();
}

void topic_role::tick() {
  if (is_owner()) ++ticks_as_owner_;
  routes_.chooser().tick();
  audit_.tick();
  if (refusing_ != 0 && --refusing_ == 0) refused_now_.clear();
  check();
  for (auto& each : held_) ++each.age;
  // With the first that has waited for too long goes all that is behind it: a message must not
  // come after those that were sent later.
  if (!held_.empty() && held_.front().age > patience)
    for (auto& each : std::exchange(held_, {})) give_up(*each.batch, counter::publishes_refused_no_owner);
  bool late = false;
  for (auto& [request, w] : publishes_) late = ++w.age > patience || late;
  if (late) {
    unsent_ = 0;
    for (auto& [request, w] : std::exchange(publishes_, {})) give_up(*w.batch, counter::publishes_refused_no_owner);
  }
  for (auto& [request, w] : publishes_)
    if (!w.sent && !send(request, w)) break;
  for (auto it = changes_.begin(); it != changes_.end();) {
    auto& w = it->second;
    // A clean session is in force on its own node; more cannot be had now.
    if (++w.age > patience && !w.change.what.who->kept()) {
      tell(w.change.answer_to,
           route_changed{w.change.token, w.change.entry,
                         {{context_.run_id, context_.wildcards.version()}}});
      it = changes_.erase(it);
      continue;
    }
    if (!w.sent) send(it->first, w);
    ++it;
  }
  outbox_.retry();
}

// --- routes ----------------------------------------------------------------------

void topic_role::route_applied(route_change& change, std::uint64_t version) {
  if (is_owner()) {
    if (change.token != 0)
      tell(change.answer_to,
           route_changed{change.token, change.entry, {{context_.run_id, version}}});
    return;
  }
  if (!change.add) withdraw(change);
  waiting_route w{std::move(change), 0, false};
  if (w.change.token == 0) return send(0, w);
  const auto request = next_request_++;
  send(request, changes_.emplace(request, std::move(w)).first->second);
  refuse_what_waits();
}

/// What is removed must not be told again to the next owner, behind its announcement.
void topic_role::withdraw(const route_change& removed) {
  for (auto it = changes_.begin(); it != changes_.end();) {
    const auto& each = it->second.change;
    if (each.what.who != removed.what.who || each.filter != removed.filter ||
        each.share != removed.share) {
      ++it;
      continue;
    }
    tell(each.answer_to, route_changed{each.token, each.entry,
                                       {{context_.run_id, context_.wildcards.version()}}});
    it = changes_.erase(it);
  }
}

void topic_role::send(std::uint64_t request, waiting_route& w) {
  const auto to = view_.owner(shard_).node;
  if (to == cluster::no_node || !view_.is_up(to)) return;
  peer::RouteChange frame;
  frame.set_request(request);
  frame.set_to_epoch(epoch());
  frame.set_pairing(view_.pairing(to));
  put_route(w.change, *frame.mutable_route());
  w.sent = net_.send(to, frame_kind::route, number(shard_), frame);
}

void topic_role::send_routes() {
  const auto to = view_.owner(shard_).node;
  if (to == cluster::no_node || to == view_.self || !view_.is_up(to)) return;
  const auto send = [&](frame_kind kind, auto&& content) {
    content.set_to_epoch(epoch());
    content.set_pairing(view_.pairing(to));
    net_.send(to, kind, number(shard_), content);
  };
  send(frame_kind::routes_begin, peer::RoutesBegin{});
  routes_.each_own([&](const route_change& change) {
    peer::RouteChange frame;
    put_route(change, *frame.mutable_route());
    send(frame_kind::route, frame);
  });
  peer::RoutesComplete complete;
  for (std::uint16_t i = 0; i < own_.size(); ++i) {
    if (own_[i] == 0 || own_[i] != net_.served_epoch(static_cast<shard_id>(i))) continue;
    complete.add_shard(i);
    complete.add_epoch(own_[i]);
  }
  send(frame_kind::routes_complete, complete);
}

void topic_role::on(const routes_announced& told) {
  const auto i = number(told.shard);
  own_[i] = told.epoch;
  if (is_owner() || told.epoch != 0)
    routes_.erase_if([&](const subscription& s) {  // what earlier owners had told
      return s.who->kept() && s.who->id().shard() == told.shard && s.who->epoch() < told.epoch;
    });
  if (is_owner()) {
    announced_[i] = std::max(announced_[i], told.epoch);
    outbox_.retry();  // its sessions are known here by now
    return check();
  }
  const auto to = view_.owner(shard_).node;
  // Else all of it is sent when the owner can be heard.
  if (to == cluster::no_node || told.epoch == 0 || !view_.is_up(to)) return;
  if (told.epoch != net_.served_epoch(told.shard)) return;  // sessions have moved on meanwhile
  peer::RoutesComplete complete;
  complete.set_to_epoch(epoch());
  complete.set_pairing(view_.pairing(to));
  complete.add_shard(i);
  complete.add_epoch(told.epoch);
  net_.send(to, frame_kind::routes_complete, number(shard_), complete);
}

void topic_role::on_route(cluster::node_id from, const peer::RouteChange& frame) {
  if (!is_owner() || frame.route().filter().empty()) return;
  routes_.apply(route_of(frame.route(), from, announced_by_.current(from)));
  const auto version = context_.wildcards.exact_changed();
  if (frame.request() == 0) return;
  peer::RouteAnswer answer;
  answer.set_request(frame.request());
  auto& v = *answer.add_versions();
  v.set_run(context_.run_id);
  v.set_version(version);
  net_.send(from, frame_kind::route_answer, number(shard_), answer);
}

void topic_role::on_complete(cluster::node_id from, const peer::RoutesComplete& frame) {
  if (!is_owner()) return;
  if (const auto latest = announced_by_.complete(from)) {
    routes_.erase_if([&](const subscription& s) {
      return announcements::replaced(*s.who, from, *latest, frame);
    });
    audit_.completed(from, frame);
  }
  const auto count = std::min(frame.shard_size(), frame.epoch_size());
  for (int i = 0; i < count; ++i) {
    const auto shard = frame.shard(i);
    if (shard >= announced_.size() || frame.epoch(i) < announced_[shard]) continue;
    if (frame.epoch(i) > announced_[shard])
      routes_.erase_if([&](const subscription& s) {
        return s.who->kept() && number(s.who->id().shard()) == shard &&
               s.who->epoch() < frame.epoch(i);
      });
    announced_[shard] = frame.epoch(i);
  }
  std::erase(awaited_, from);
  context_.wildcards.exact_changed();
  outbox_.retry();  // its sessions are known there by now
  check();
}

void topic_role::on(const peer_message& frame) {
  if (route_audit::concerns(frame.kind)) return audit_.on(frame);
  const auto read = [&](auto content, auto use) {
    if (!content.ParseFromString(frame.bytes)) return;
    // The sender has heard of an owner of which this actor will hear.
    if constexpr (requires { content.to_epoch(); })
      if (content.to_epoch() > epoch()) {
        // All that a node tells is told anew: no more waits than the routes of the others.
        if constexpr (std::is_same_v<decltype(content), peer::RoutesBegin>)
          std::erase_if(early_, [&](const auto& each) { return each.frame.from == frame.from; });
        early_.push_back({content.to_epoch(), frame});
        return;
      }
    // What is complete must be whole: a part of it may have got lost with an earlier link.
    if constexpr (is_route<decltype(content)>)
      if (content.pairing() != view_.pairing(frame.from)) return;
    use(content);
  };
  switch (static_cast<frame_kind>(frame.kind)) {
    case frame_kind::publish:
      return read(peer::Publish{}, [&](auto& c) { on_publish(frame.from, c); });
    case frame_kind::publish_answer:
      return read(peer::PublishAnswer{}, [&](auto& c) { on_answer(c); });
    case frame_kind::deliver:
      return read(peer::Deliver{}, [&](auto& c) { host_.deliver(frame.from, c); });
    case frame_kind::deliver_answer:
      return read(peer::DeliverAnswer{}, [&](auto& c) {
        for (const auto member : c.full()) routes_.chooser().avoid(session_id(member));
        outbox_.answered(frame.from, c);
      });
    case frame_kind::route:
      return read(peer::RouteChange{}, [&](auto& c) { on_route(frame.from, c); });
    case frame_kind::route_answer:
      return read(peer::RouteAnswer{}, [&](auto& c) {
        auto it = changes_.find(c.request());
        if (it == changes_.end()) return;
        route_changed done{it->second.change.token, it->second.change.entry, {}};
        for (const auto& v : c.versions()) done.versions.push_back({v.run(), v.version()});
        tell(it->second.change.answer_to, std::move(done));
        changes_.erase(it);
      });
    case frame_kind::routes_begin:
      return read(peer::RoutesBegin{}, [&](auto&) {
        if (is_owner()) announced_by_.begin(frame.from);
      });
    case frame_kind::routes_complete:
      return read(peer::RoutesComplete{}, [&](auto& c) { on_complete(frame.from, c); });
    default:
      return;
  }
}

}  // namespace troupe::broker
