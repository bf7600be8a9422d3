#include "actors/broker/wildcard_index.hpp"

#include <algorithm>

#include "actors/broker/routing/route_changes.hpp"
#include "actors/broker/tell.hpp"

namespace troupe::broker {

wildcard_index::wildcard_index(caf::actor_config& cfg, broker_context& context)
    : lean_actor(cfg),
      context_(context),
      ledger_(context.remote != nullptr ? context.remote->shards() : std::uint16_t{0}) {
  if (context_.remote == nullptr) return;
  view_.self = context_.remote->self();
  view_.owners.resize(context_.remote->shards());
  own_.resize(context_.remote->shards());
  next_request_ = context_.remote->first_request();
  begin_audit();
}

void wildcard_index::begin_audit() {
  route_audit::host of;
  of.holders = [this] { return view_.up; };
  of.holds = [] { return true; };
  of.announced = [this](shard_id s) { return context_.remote->wildcards_announced(s); };
  of.own = [this](shard_id s) { return own_[number(s)]; };
  of.announce = [this](cluster::node_id node) {
    erase_if([](const subscription& s) { return s.who->ended() && !s.who->remote(); });
    send_all(node);
  };
  of.erase_if = [this](const std::function<bool(const subscription&)>& gone) { erase_if(gone); };
  of.explain = [](const std::string&, route_report&) {};  // topic shards match
  audit_ = std::make_unique<route_audit>(context_, wildcard_shard, view_, ledger_, std::move(of));
}

void wildcard_index::ask(route_question question) {
  if (!audit_) return question.answer({});
  auto all = view_.up;
  all.push_back(view_.self);
  audit_->ask(std::move(question), all);
}

void wildcard_index::describe(runtime::actor_description& to) const {
  to.serves = "filters with wildcards";
  if (!changes_.empty())
    to.waits_for = "other nodes, for " + std::to_string(changes_.size()) + " subscriptions";
}

void wildcard_index::receive(caf::mailbox_element& m) {
  if (auto* change = runtime::mutable_payload<route_change>(m)) apply(*change);
  else if (auto* work = runtime::mutable_payload<deferred>(m)) work->run();
  else if (auto* question = runtime::mutable_payload<route_question>(m)) ask(std::move(*question));
  else if (context_.remote == nullptr) return;
  else if (auto* frame = runtime::mutable_payload<peer_message>(m)) on(*frame);
  else if (auto* node = runtime::mutable_payload<peer_changed>(m)) on(*node);
  else if (auto* told = runtime::mutable_payload<routes_announced>(m)) on(*told);
  else if (auto* owner = runtime::mutable_payload<owner_now>(m))
    view_.owners[number(owner->shard)] = owner->owner;
  else if (runtime::mutable_payload<peer_tick>(m) != nullptr) audit_->tick();
}

void wildcard_index::apply(route_change& change) {
  const auto version = change_routes(change);
  if (!view_.up.empty()) return tell_peers(change, version);
  if (change.token != 0)
    tell(change.answer_to,
         route_changed{change.token, change.entry, {{context_.run_id, version}}});
}

std::uint64_t wildcard_index::change_routes(const route_change& change) {
  const auto key = key_of(change);
  const auto* now = routes_.find(change.filter, key);
  auto next = changed_route(change, now);
  ledger_.change(change.filter, now, next ? &*next : nullptr);
  if (next)
    routes_.insert(change.filter, std::move(*next));
  else
    routes_.erase(change.filter, key);
  return context_.wildcards.publish(routes_);
}

void wildcard_index::erase_if(const std::function<bool(const subscription&)>& gone) {
  struct found {
    std::string filter;
    std::uint64_t key = 0;
    std::optional<broker::route> next;
  };
  std::vector<found> changes;
  routes_.for_each([&](std::string_view filter, const broker::route& entry) {
    bool changed = false;
    auto next = route_without(entry, gone, changed);
    if (!changed) return;
    ledger_.change(filter, &entry, next ? &*next : nullptr);
    changes.push_back({std::string(filter), entry.key(), std::move(next)});
  });
  for (auto& each : changes) {
    if (each.next)
      routes_.insert(each.filter, std::move(*each.next));
    else
      routes_.erase(each.filter, each.key);
  }
  if (!changes.empty()) context_.wildcards.publish(routes_);
}

// --- other nodes -----------------------------------------------------------------

void wildcard_index::tell_peers(route_change& change, std::uint64_t version) {
  const auto request = change.token == 0 ? 0 : next_request_++;
  peer::RouteChange frame;
  frame.set_request(request);
  put_route(change, *frame.mutable_route());
  waiting_change w;
  for (const auto node : view_.up) {
    frame.set_pairing(view_.pairing(node));
    if (context_.remote->send(node, frame_kind::route, wildcard_shard, frame))
      w.nodes.push_back(node);
  }
  if (request == 0) return;
  w.answer = {change.token, change.entry, {{context_.run_id, version}}};
  w.answer_to = std::move(change.answer_to);
  if (w.nodes.empty()) return tell(w.answer_to, std::move(w.answer));
  changes_.emplace(request, std::move(w));
}

void wildcard_index::answered(cluster::node_id from, std::uint64_t request,
                              const peer::RouteAnswer* answer) {
  auto it = changes_.find(request);
  if (it == changes_.end() || std::erase(it->second.nodes, from) == 0) return;
  auto& w = it->second;
  if (answer != nullptr)
    for (const auto& v : answer->versions()) w.answer.versions.push_back({v.run(), v.version()});
  if (!w.nodes.empty()) return;
  tell(w.answer_to, std::move(w.answer));
  changes_.erase(it);
}

void wildcard_index::send_all(cluster::node_id to) {
  const auto send = [&](frame_kind kind, auto&& content) {
    content.set_pairing(view_.pairing(to));
    context_.remote->send(to, kind, wildcard_shard, content);
  };
  send(frame_kind::routes_begin, peer::RoutesBegin{});
  routes_.for_each([&](std::string_view filter, const broker::route& entry) {
    each_own_route(filter, entry, [&](const route_change& change) {
      peer::RouteChange frame;
      put_route(change, *frame.mutable_route());
      send(frame_kind::route, frame);
    });
  });
  peer::RoutesComplete complete;
  for (std::uint16_t i = 0; i < own_.size(); ++i) {
    // If not, sessions may have moved on meanwhile, and it is not whole.
    if (own_[i] == 0 || own_[i] != context_.remote->served_epoch(static_cast<shard_id>(i))) continue;
    complete.add_shard(i);
    complete.add_epoch(own_[i]);
  }
  send(frame_kind::routes_complete, complete);
}

void wildcard_index::on(const peer_changed& change) {
  view_.set_up(change.node, change.up, change.pairing);
  audit_->on(change);
  if (change.up) return send_all(change.node);
  // Clean sessions ended with their node; those that are kept will have another owner.
  erase_if([&](const subscription& s) {
    return !s.who->kept() && s.who->announcer() == change.node;
  });
  std::vector<std::uint64_t> waiting;
  for (const auto& [request, w] : changes_) waiting.push_back(request);
  for (const auto request : waiting) answered(change.node, request, nullptr);
}

void wildcard_index::on(const routes_announced& told) {
  own_[number(told.shard)] = told.epoch;
  if (told.epoch == 0) return;
  erase_if([&](const subscription& s) {
    return s.who->kept() && s.who->id().shard() == told.shard && s.who->epoch() < told.epoch;
  });
  if (told.epoch > context_.remote->wildcards_announced(told.shard))
    context_.remote->set_wildcards_announced(told.shard, told.epoch);
  tell_topic_shards();
  if (told.epoch != context_.remote->served_epoch(told.shard)) return;
  peer::RoutesComplete complete;
  complete.add_shard(number(told.shard));
  complete.add_epoch(told.epoch);
  for (const auto node : view_.up) {
    complete.set_pairing(view_.pairing(node));
    context_.remote->send(node, frame_kind::routes_complete, wildcard_shard, complete);
  }
}

void wildcard_index::on_complete(cluster::node_id from, const peer::RoutesComplete& frame) {
  if (const auto latest = announced_by_.complete(from)) {
    erase_if([&](const subscription& s) {
      return announcements::replaced(*s.who, from, *latest, frame);
    });
    audit_->completed(from, frame);
  }
  const auto count = std::min(frame.shard_size(), frame.epoch_size());
  for (int i = 0; i < count; ++i) {
    if (frame.shard(i) >= own_.size()) continue;
    const auto shard = static_cast<shard_id>(frame.shard(i));
    const auto known = context_.remote->wildcards_announced(shard);
    if (frame.epoch(i) < known) continue;
    if (frame.epoch(i) > known)
      erase_if([&](const subscription& s) {
        return s.who->kept() && s.who->id().shard() == shard && s.who->epoch() < frame.epoch(i);
      });
    context_.remote->set_wildcards_announced(shard, frame.epoch(i));
  }
  tell_topic_shards();
}

void wildcard_index::tell_topic_shards() {
  for (const auto& shard : context_.topic_shards) tell(shard, wildcards_announced{});
}

void wildcard_index::on_route(cluster::node_id from, const peer::RouteChange& frame) {
  if (frame.route().filter().empty()) return;
  const auto version =
      change_routes(route_of(frame.route(), from, announced_by_.current(from)));
  if (frame.request() == 0) return;
  peer::RouteAnswer answer;
  answer.set_request(frame.request());
  auto& v = *answer.add_versions();
  v.set_run(context_.run_id);
  v.set_version(version);
  context_.remote->send(from, frame_kind::route_answer, wildcard_shard, answer);
}

void wildcard_index::on(const peer_message& frame) {
  if (route_audit::concerns(frame.kind)) return audit_->on(frame);
  // What is complete must be whole: a part of it may have got lost with an earlier link.
  const auto read = [&](auto content, auto use) {
    if (content.ParseFromString(frame.bytes) && content.pairing() == view_.pairing(frame.from))
      use(content);
  };
  switch (static_cast<frame_kind>(frame.kind)) {
    case frame_kind::route:
      return read(peer::RouteChange{}, [&](auto& c) { on_route(frame.from, c); });
    case frame_kind::route_answer: {
      peer::RouteAnswer c;
      if (c.ParseFromString(frame.bytes)) answered(frame.from, c.request(), &c);
      return;
    }
    case frame_kind::routes_begin:
      return read(peer::RoutesBegin{}, [&](auto&) { announced_by_.begin(frame.from); });
    case frame_kind::routes_complete:
      return read(peer::RoutesComplete{}, [&](auto& c) { on_complete(frame.from, c); });
    default:
      return;
  }
}

}  // namespace troupe::broker
