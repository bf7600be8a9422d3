#include "actors/broker/audit/route_audit.hpp"

#include "actors/broker/audit/report_frame.hpp"
#include "actors/broker/remote/peers.hpp"
#include "actors/observe/log.hpp"

#include <algorithm>

namespace troupe::broker {

namespace {

// Ticks, of about a second. Drift is repaired after two checks.
constexpr unsigned check_every = 10;
constexpr unsigned checks_of_drift = 3;

route_sum operator-(const route_sum& a, const route_sum& b) {
  return {a.sum - b.sum, a.count - b.count};
}

}  // namespace

route_audit::route_audit(broker_context& context, std::uint16_t number, const topic_view& view,
                         const route_ledger& ledger, host of)
    : context_(context),
      number_(number),
      view_(view),
      ledger_(ledger),
      host_(std::move(of)),
      next_request_(context.remote->first_request()) {
  ticks_ = number % check_every;  // not all at once
}

bool route_audit::concerns(std::uint8_t kind) noexcept {
  const auto k = static_cast<frame_kind>(kind);
  return k >= frame_kind::route_check && k <= frame_kind::route_report;
}

std::uint64_t route_audit::epoch() const {
  return number_ == wildcard_shard ? 0 : view_.owner(shard_id{number_}).epoch;
}

// --- the announcer -----------------------------------------------------------------

void route_audit::send_sums() {
  const auto holders = host_.holders();
  if (holders.empty()) return;
  peer::RouteCheck frame;
  const auto put = [](peer::RouteSum& to, const route_sum& from) {
    to.set_sum(from.sum);
    to.set_count(from.count);
  };
  put(*frame.mutable_clean(), ledger_.clean(cluster::no_node));
  for (std::uint16_t i = 0; i < context_.remote->shards(); ++i) {
    const auto epoch = host_.own(shard_id{i});
    if (epoch == 0) continue;
    auto& kept = *frame.add_kept();
    put(kept, ledger_.kept(shard_id{i}));
    kept.set_shard(i);
    kept.set_epoch(epoch);
  }
  frame.set_to_epoch(epoch());
  for (const auto node : holders) {
    frame.set_pairing(view_.pairing(node));
    context_.remote->send(node, frame_kind::route_check, number_, frame);
  }
}

// --- the holder --------------------------------------------------------------------

void route_audit::on_check(cluster::node_id from, const peer::RouteCheck& frame) {
  // What was told for another owner, or before the link broke, says nothing of what is held now.
  // The next check comes soon.
  if (!host_.holds() || frame.to_epoch() != epoch() || frame.pairing() != view_.pairing(from))
    return;
  bool wanted = false;
  const auto compare = [&](std::uint32_t shard, const peer::RouteSum& told, const route_sum& held,
                           bool late) {
    checked_routes now;
    now.announcer = from;
    if (shard != clean) now.sessions = static_cast<shard_id>(shard);
    now.announced = {told.sum(), told.count()};
    now.held = held;
    const part what{from, shard};
    if (drifted(what, now, late)) wanted = true;
    checks_.insert_or_assign(what, std::move(now));
  };
  std::erase_if(checks_, [&](const auto& each) { return each.first.first == from; });
  compare(clean, frame.clean(), ledger_.clean(from), false);
  for (const auto& kept : frame.kept()) {
    if (kept.shard() >= context_.remote->shards()) continue;
    const auto shard = static_cast<shard_id>(kept.shard());
    const auto here = host_.announced(shard);
    // It has another owner by now.
    if (here > kept.epoch()) continue;
    compare(kept.shard(), kept, ledger_.kept(shard), here < kept.epoch());
  }
  if (!wanted) return;
  if (std::ranges::find(repairing_, from) == repairing_.end()) repairing_.push_back(from);
  context_.remote->send(from, frame_kind::routes_wanted, number_, peer::RoutesWanted{});
}

bool route_audit::drifted(part what, const checked_routes& now, bool late) {
  if (now.announced == now.held && !late) {
    suspects_.erase(what);
    return false;
  }
  const difference found{now.held - now.announced, late};
  const auto known = suspects_.find(what);
  const bool stays = known != suspects_.end() && known->second.late == late &&
                     (late || known->second.by == found.by);
  if (!stays) {
    suspects_.insert_or_assign(what, found);
    return false;
  }
  // It has to show twice again, when the new announcement has come.
  suspects_.erase(known);
  ++drifts_;
  context_.count(observe::counter::route_drift);
  observe::log_event(
      observe::log_module::cluster, observe::log_level::warning,
      "Routes differ from what a node has announced; it is asked to announce them anew",
      {{"announcer", number(what.first)},
       {"of", what.second == clean ? std::string("clean sessions")
                                   : "sessions of shard " + std::to_string(what.second)},
       {"topic_shard",
        number_ == wildcard_shard ? std::string("wildcards") : std::to_string(number_)},
       {"announced", now.announced.count},
       {"held", now.held.count}});
  return true;
}

void route_audit::completed(cluster::node_id by, const peer::RoutesComplete& frame) {
  if (std::erase(repairing_, by) == 0) return;
  // Its own that it did not tell again are out already. So must be what others have told of the
  // sessions that it owns, but not what a later owner has told meanwhile.
  std::vector<std::uint64_t> told(context_.remote->shards(), 0);
  const auto count = std::min(frame.shard_size(), frame.epoch_size());
  for (int i = 0; i < count; ++i)
    if (frame.shard(i) < told.size()) told[frame.shard(i)] = frame.epoch(i);
  host_.erase_if([&](const subscription& s) {
    if (!s.who->kept() || s.who->announcer() == by) return false;
    const auto epoch = told[number(s.who->id().shard())];
    return epoch != 0 && s.who->epoch() <= epoch;
  });
}

void route_audit::on(const peer_changed& change) {
  if (change.up) return;
  const auto of_it = [&](const auto& each) { return each.first.first == change.node; };
  std::erase_if(checks_, of_it);
  std::erase_if(suspects_, of_it);
  std::erase(repairing_, change.node);
  for (auto it = asked_.begin(); it != asked_.end();) {
    const auto here = it++;
    if (std::erase(here->second.silent, change.node) != 0 && here->second.silent.empty())
      close(here);
  }
}

void route_audit::tick() {
  if (++ticks_ % check_every == 0) send_sums();
  for (auto it = asked_.begin(); it != asked_.end();) {
    const auto here = it++;
    if (++here->second.age > checks_of_drift) close(here);
  }
}

// --- questions ---------------------------------------------------------------------

route_report route_audit::report_for(const std::string& topic) const {
  route_report report;
  report.by = view_.self;
  report.answered = host_.holds();
  if (number_ != wildcard_shard) report.owner = view_.owner(shard_id{number_});
  report.drifts = drifts_;
  if (!topic.empty()) {
    host_.explain(topic, report);
    return report;
  }
  for (const auto& [what, check] : checks_) report.checks.push_back(check);
  return report;
}

void route_audit::ask(route_question question, const std::vector<cluster::node_id>& nodes) {
  asked made;
  made.answer = std::move(question.answer);
  const auto request = next_request_++;
  peer::RouteQuestion frame;
  frame.set_request(request);
  frame.set_topic(question.topic);
  for (const auto node : nodes) {
    if (node == view_.self)
      made.reports.push_back(report_for(question.topic));
    else if (context_.remote->send(node, frame_kind::route_question, number_, frame))
      made.silent.push_back(node);
  }
  // Nobody else knows: what is known here is better than nothing, and says what it is.
  if (made.reports.empty() && made.silent.empty())
    made.reports.push_back(report_for(question.topic));
  const auto it = asked_.emplace(request, std::move(made)).first;
  if (it->second.silent.empty()) close(it);
}

void route_audit::on_report(cluster::node_id from, const peer::RouteReport& frame) {
  const auto it = asked_.find(frame.request());
  if (it == asked_.end() || std::erase(it->second.silent, from) == 0) return;
  auto report = report_of(frame, context_.remote->shards());
  report.by = from;
  for (auto& each : report.routes) {
    if (!each.client_id.empty()) continue;
    if (const auto who = context_.remote->sessions().find(each.session))
      each.client_id = who->client_id();
  }
  it->second.reports.push_back(std::move(report));
  if (it->second.silent.empty()) close(it);
}

void route_audit::close(std::map<std::uint64_t, asked>::iterator it) {
  auto done = asked_.extract(it);
  done.mapped().answer(std::move(done.mapped().reports));
}

void route_audit::on(const peer_message& frame) {
  const auto read = [&](auto content, auto use) {
    if (content.ParseFromString(frame.bytes)) use(content);
  };
  switch (static_cast<frame_kind>(frame.kind)) {
    case frame_kind::route_check:
      return read(peer::RouteCheck{}, [&](auto& c) { on_check(frame.from, c); });
    case frame_kind::routes_wanted:
      return host_.announce(frame.from);
    case frame_kind::route_question:
      return read(peer::RouteQuestion{}, [&](auto& c) {
        peer::RouteReport answer;
        put_report(report_for(c.topic()), answer);
        answer.set_request(c.request());
        context_.remote->send(frame.from, frame_kind::route_report, number_, answer);
      });
    case frame_kind::route_report:
      return read(peer::RouteReport{}, [&](auto& c) { on_report(frame.from, c); });
    default:
      return;
  }
}

}  // namespace troupe::broker
