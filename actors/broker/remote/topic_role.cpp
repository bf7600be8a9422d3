#include "actors/broker/remote/topic_role.hpp"

#include <algorithm>

#include "actors/broker/tell.hpp"

namespace troupe::broker {

namespace {

// Ticks, of about a second. Longer than any change of an owner takes; a client
// that hears nothing for that long is better told.
constexpr unsigned patience = 15;
// Clean sessions that have not been announced by then are not waited for.
constexpr unsigned patience_for_clean = 3;

// Of an item for which nobody waits but that somebody may be owed: it is kept until the owner has
// taken it, too.
constexpr std::uint64_t kept_token = 1ULL << 61;

bool nobody_waits(const publish_batch& batch) {
  return std::all_of(batch.items.begin(), batch.items.end(), [](const publish_item& item) {
    return item.token == 0 && item.body->level() == mqtt::qos::at_most_once;
  });
}

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
      next_request_(net_.first_request()) {}

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

// --- publishes -------------------------------------------------------------------

void topic_role::publish(std::shared_ptr<publish_batch> batch) {
  const bool light = nobody_waits(*batch);
  if (is_owner()) {
    if (serving_ || light) return host_.publish(batch);
    held_.push_back({std::move(batch), 0});
    return;
  }
  if (batch->origin != cluster::no_node) {
    if (!light) refuse(*batch);
    return;
  }
  // Nobody owns it: clean sessions of this side go on with the routes at hand.
  if (light && view_.owner(shard_).node == cluster::no_node) return host_.publish(batch);
  forward(std::move(batch));
}

void topic_role::take_back(std::vector<std::shared_ptr<publish_batch>> batches) {
  outbox_.clear();
  for (auto it = batches.rbegin(); it != batches.rend(); ++it)
    held_.push_front({std::move(*it), 0});
}

void topic_role::forward(std::shared_ptr<publish_batch> batch) {
  waiting_publish w;
  const bool light = nobody_waits(*batch);
  w.batch = std::move(batch);
  if (light) {
    send(0, w);
    return;
  }
  for (auto& item : w.batch->items) {
    if (item.token == 0 && item.body->level() != mqtt::qos::at_most_once) item.token = kept_token;
    w.open += item.token != 0 ? 1 : 0;
  }
  const auto request = next_request_++;
  auto& kept = publishes_.emplace(request, std::move(w)).first->second;
  if (unsent_++ == 0) send(request, kept);
}

/// What the owner does not take, it does not take what came behind either.
void topic_role::refuse(const publish_batch& batch) {
  auto& last = refused_[batch.origin];
  last = std::max(last, batch.attempt);
  peer::PublishAnswer frame;
  frame.set_request(batch.request);
  frame.set_not_owner(true);
  frame.set_attempt(batch.attempt);
  net_.send(batch.origin, frame_kind::publish_answer, number(shard_), frame);
}

void topic_role::begin_again() {
  ++attempt_;
  for (auto& [request, w] : publishes_) w.sent = false;
  unsent_ = publishes_.size();
}

bool topic_role::send(std::uint64_t request, waiting_publish& w) {
  const auto to = view_.owner(shard_).node;
  if (to == cluster::no_node || !view_.is_up(to)) return false;
  peer::Publish frame;
  frame.set_request(request);
  frame.set_attempt(attempt_);
  frame.set_pairing(view_.pairing(to));
  frame.set_from(w.batch->from.value);
  for (const auto& item : w.batch->items) {
    auto& added = *frame.add_items();
    put_body(*item.body, *added.mutable_body());
    added.set_wanted(item.token != 0);
    if (item.directed) {
      receiver r;
      r.who = item.directed->to;
      r.level = item.directed->level;
      r.retain = item.directed->retain;
      r.subscription_ids = item.directed->subscription_ids;
      put_receiver(r, *added.mutable_directed());
    }
    if (item.declined) {
      added.set_declined_share(*item.declined->share);
      added.set_declined_by(item.declined->declined_by->id().value);
    }
  }
  if (!net_.send(to, frame_kind::publish, number(shard_), frame, w.batch->held, request == 0))
    return false;
  if (request != 0 && !std::exchange(w.sent, true)) --unsent_;
  return true;
}

void topic_role::on_publish(cluster::node_id from, const peer::Publish& frame) {
  if (frame.pairing() != view_.pairing(from)) return;
  auto batch = std::make_shared<publish_batch>();
  batch->from = session_id(frame.from());
  batch->origin = from;
  batch->request = frame.request();
  batch->attempt = frame.attempt();
  std::uint64_t position = 0;
  for (const auto& item : frame.items()) {
    ++position;
    auto body = body_of(item.body());
    if (!body) continue;
    auto& added = batch->items.emplace_back();
    added.body = std::move(body);
    if (item.wanted()) added.token = position;
    if (item.has_directed()) {
      const auto& d = item.directed();
      added.directed = std::make_unique<direction>();
      // To the owner of its shard, who knows it.
      added.directed->to = subscriber::announced(session_id(d.session()), true, from);
      added.directed->level = static_cast<mqtt::qos>(std::min(d.level(), 2U));
      added.directed->retain = d.retain();
      added.directed->subscription_ids.assign(d.subscription_ids().begin(),
                                              d.subscription_ids().end());
    }
    if (!item.declined_share().empty()) {
      added.declined = std::make_unique<second_choice>();
      added.declined->share = std::make_shared<const std::string>(item.declined_share());
      added.declined->declined_by =
          subscriber::announced(session_id(item.declined_by()), true, from);
    }
  }
  if (batch->items.empty()) return;
  if (nobody_waits(*batch)) return publish(std::move(batch));
  const auto last = refused_.find(from);
  if (last != refused_.end() && batch->attempt <= last->second) return refuse(*batch);
  publish(std::move(batch));
}

void topic_role::on_answer(const peer::PublishAnswer& frame) {
  auto it = publishes_.find(frame.request());
  if (frame.not_owner()) {
    if (frame.attempt() == attempt_) begin_again();
    return;
  }
  if (it == publishes_.end()) return;
  auto& w = it->second;
  publish_outcomes outcomes;
  const auto known = std::min<std::size_t>(static_cast<std::size_t>(frame.items_size()),
                                           frame.reasons().size());
  for (std::size_t i = 0; i < known; ++i) {
    const auto position = frame.items(static_cast<int>(i));
    if (position >= w.batch->items.size()) continue;
    auto& item = w.batch->items[position];
    if (item.token == 0) continue;  // answered before
    const auto token = std::exchange(item.token, 0);
    if (token != kept_token)
      outcomes.emplace_back(token, static_cast<mqtt::reason_code>(frame.reasons()[i]));
    if (w.open > 0) --w.open;
  }
  const auto batch = w.batch;
  if (w.open == 0) {
    if (!w.sent) --unsent_;
    publishes_.erase(it);
  }
  answer(context_, shard_, *batch, std::move(outcomes));
}

void topic_role::give_up(const publish_batch& batch) {
  publish_outcomes outcomes;
  for (const auto& item : batch.items)
    if (item.token != 0 && item.token != kept_token)
      outcomes.emplace_back(item.token, mqtt::reason_code::quota_exceeded);
  context_.count(observe::counter::publishes_refused_no_owner, batch.items.size());
  answer(context_, shard_, batch, std::move(outcomes));
}

void topic_role::resend() {
  for (auto& [request, w] : publishes_)
    if (!w.sent && !send(request, w)) break;  // nor anything behind it
  for (auto& [request, w] : changes_) send(request, w);
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
}

void topic_role::tick() {
  if (is_owner()) ++ticks_as_owner_;
  check();
  for (auto& each : held_) ++each.age;
  // With the first that has waited for too long goes all that is behind it: a message must not
  // come after those that were sent later.
  if (!held_.empty() && held_.front().age > patience)
    for (auto& each : std::exchange(held_, {})) give_up(*each.batch);
  bool late = false;
  for (auto& [request, w] : publishes_) late = ++w.age > patience || late;
  if (late) {
    unsent_ = 0;
    for (auto& [request, w] : std::exchange(publishes_, {})) give_up(*w.batch);
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
  waiting_route w{std::move(change), 0, false};
  if (w.change.token == 0) return send(0, w);
  const auto request = next_request_++;
  send(request, changes_.emplace(request, std::move(w)).first->second);
}

void topic_role::send(std::uint64_t request, waiting_route& w) {
  const auto to = view_.owner(shard_).node;
  if (to == cluster::no_node || !view_.is_up(to)) return;
  peer::RouteChange frame;
  frame.set_request(request);
  frame.set_to_epoch(epoch());
  put_route(w.change, *frame.mutable_route());
  w.sent = net_.send(to, frame_kind::route, number(shard_), frame);
}

void topic_role::send_routes() {
  const auto to = view_.owner(shard_).node;
  if (to == cluster::no_node || to == view_.self || !view_.is_up(to)) return;
  const auto send = [&](frame_kind kind, const google::protobuf::MessageLite& content) {
    net_.send(to, kind, number(shard_), content);
  };
  peer::RoutesBegin begin;
  begin.set_to_epoch(epoch());
  send(frame_kind::routes_begin, begin);
  routes_.each_own([&](const route_change& change) {
    peer::RouteChange frame;
    frame.set_to_epoch(epoch());
    put_route(change, *frame.mutable_route());
    send(frame_kind::route, frame);
  });
  peer::RoutesComplete complete;
  complete.set_to_epoch(epoch());
  for (std::uint16_t i = 0; i < own_.size(); ++i) {
    if (own_[i] == 0) continue;
    complete.add_shard(i);
    complete.add_epoch(own_[i]);
  }
  send(frame_kind::routes_complete, complete);
}

void topic_role::on(const routes_announced& told) {
  const auto i = number(told.shard);
  own_[i] = told.epoch;
  if (is_owner()) {
    announced_[i] = std::max(announced_[i], told.epoch);
    routes_.erase_if([&](const subscription& s) {  // what earlier owners had told
      return s.who->kept() && s.who->id().shard() == told.shard && s.who->epoch() < told.epoch;
    });
    outbox_.retry();  // its sessions are known here by now
    return check();
  }
  const auto to = view_.owner(shard_).node;
  if (to == cluster::no_node || told.epoch == 0) return;
  peer::RoutesComplete complete;
  complete.set_to_epoch(epoch());
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
  if (const auto latest = announced_by_.complete(from))
    routes_.erase_if([&](const subscription& s) {
      return announcements::replaced(*s.who, from, *latest, frame);
    });
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
  const auto read = [&](auto content, auto use) {
    if (!content.ParseFromString(frame.bytes)) return;
    // The sender has heard of an owner of which this actor will hear.
    if constexpr (requires { content.to_epoch(); })
      if (content.to_epoch() > epoch()) {
        early_.push_back({content.to_epoch(), frame});
        return;
      }
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
      return read(peer::DeliverAnswer{}, [&](auto& c) { outbox_.answered(frame.from, c); });
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
