#include "actors/broker/routing/matcher.hpp"

#include <algorithm>

#include "actors/broker/remote/peers.hpp"
#include "actors/broker/routing/route_changes.hpp"

namespace troupe::broker {

namespace {

receiver received_by(const subscription& s, const mqtt::message& message) {
  receiver r;
  r.who = s.who;
  r.level = std::min(message.level(), s.options.maximum_qos);
  r.retain = s.options.retain_as_published && message.retain();
  if (s.subscription_id != 0) r.subscription_ids.push_back(s.subscription_id);
  return r;
}

}  // namespace

matcher::matcher(const broker_context& context, std::uint64_t seed)
    : context_(context),
      ledger_(context.remote != nullptr ? context.remote->shards() : std::uint16_t{0}),
      chooser_(seed) {}

void matcher::apply(const route_change& change) {
  found_holds_ = false;
  const auto key = key_of(change);
  auto it = exact_.find(change.filter);
  const route* now = it == exact_.end() ? nullptr : it->second.find(key);
  auto next = changed_route(change, now);
  ledger_.change(change.filter, now, next ? &*next : nullptr);
  if (next) {
    if (it == exact_.end()) it = exact_.try_emplace(change.filter).first;
    it->second.insert(std::move(*next));
  } else if (it != exact_.end()) {
    it->second.erase(key);
    if (it->second.empty()) exact_.erase(it);
  }
}

void matcher::erase_if(const std::function<bool(const subscription&)>& gone) {
  found_holds_ = false;
  for (auto it = exact_.begin(); it != exact_.end();) {
    std::vector<std::pair<std::uint64_t, std::optional<route>>> changes;
    it->second.for_each_run([&](std::span<const route> run) {
      for (const auto& r : run) {
        bool changed = false;
        auto next = route_without(r, gone, changed);
        if (!changed) continue;
        ledger_.change(it->first, &r, next ? &*next : nullptr);
        changes.emplace_back(r.key(), std::move(next));
      }
    });
    for (auto& [key, next] : changes) {
      if (next)
        it->second.insert(std::move(*next));
      else
        it->second.erase(key);
    }
    it = it->second.empty() ? exact_.erase(it) : std::next(it);
  }
}

void matcher::each_own(const std::function<void(const route_change&)>& visit) const {
  for (const auto& [filter, routes] : exact_)
    routes.for_each_run([&](std::span<const route> run) {
      for (const auto& r : run) each_own_route(filter, r, visit);
    });
}

void matcher::each_match(
    const std::string& topic,
    const std::function<void(std::string_view, const route&)>& visit) const {
  if (auto it = exact_.find(topic); it != exact_.end())
    it->second.for_each_run([&](std::span<const route> run) {
      for (const auto& r : run) visit(topic, r);
    });
  context_.wildcards.latest().routes.match_named(
      topic, [&](std::string_view filter, std::span<const route> run) {
        for (const auto& r : run) visit(filter, r);
      });
}

template <class Visit>
void matcher::visit_routes(std::string_view topic, Visit&& visit) {
  if (context_.wildcards.version() != matched_version_) {
    auto latest = context_.wildcards.latest();
    wildcards_ = std::move(latest.routes);
    matched_version_ = latest.version;
    found_holds_ = false;
  }
  if (!several_) return look_up(topic, visit);
  if (!found_holds_ || found_for_ != topic) {
    found_.clear();
    bool few = true;
    look_up(topic, [&](const route& r) {
      few = few && found_.size() < most_found;
      if (few) found_.push_back(&r);
    });
    found_holds_ = few;
    if (!few) return look_up(topic, visit);
    found_for_.assign(topic);
  }
  for (const auto* r : found_) visit(*r);
}

template <class Visit>
void matcher::look_up(std::string_view topic, Visit&& visit) {
  auto each = [&](std::span<const route> run) {
    for (const auto& r : run) visit(r);
  };
  if (!exact_.empty()) {
    if (auto it = exact_.find(topic); it != exact_.end())
      it->second.for_each_run(each);
  }
  if (!wildcards_.empty()) wildcards_.match(topic, each);
}

void matcher::match(const mqtt::message& message, std::vector<receiver>& out) {
  out.clear();
  visit_routes(message.topic(), [&](const route& r) { collect(r, message, out); });
  if (out.size() > 1) merge(out);
}

void matcher::collect(const route& r, const mqtt::message& message, std::vector<receiver>& out) {
  if (r.group) {
    choose(*r.group, message, session_id{}, out);
    return;
  }
  const auto& s = r.plain;
  if (s.who->ended()) return;
  if (s.options.no_local && s.who->id().value == message.publisher()) {
    ++no_local_;
    return;
  }
  out.push_back(received_by(s, message));
}

void matcher::choose_members(const mqtt::message& message, std::vector<receiver>& out) {
  out.clear();
  visit_routes(message.topic(), [&](const route& r) {
    if (r.group) choose(*r.group, message, session_id{}, out);
  });
}

bool matcher::choose_known(const share_group& group, const mqtt::message& message,
                           session_id without, std::vector<receiver>& out) const {
  const auto known = std::find_if(known_->begin(), known_->end(),
                                  [&](const auto& each) { return each.share == *group.name; });
  if (known == known_->end() || known->member == without) return false;
  const auto member =
      std::find_if(group.members.begin(), group.members.end(),
                   [&](const subscription& s) { return s.who->id() == known->member; });
  if (member != group.members.end() && !member->who->ended()) {
    out.push_back(received_by(*member, message));
  } else if (known->kept && known_gone_too_ && context_.remote != nullptr) {
    // The owner of its shard knows whether there is such a session. If not, the message was for it
    // and is for nobody else.
    receiver r;
    if (context_.remote->serves(known->member.shard()))
      r.who = context_.remote->sessions().find(known->member);
    else
      r.who = subscriber::announced(known->member, true, context_.remote->self());
    if (!r.who || r.who->ended()) return true;
    r.level = message.level();
    out.push_back(std::move(r));
  } else {
    return false;
  }
  out.back().share = group.name;
  return true;
}

bool matcher::choose(const share_group& group, const mqtt::message& message, session_id without,
                     std::vector<receiver>& out) {
  if (without_groups_) return false;
  if (known_ != nullptr && choose_known(group, message, without, out)) return true;
  const auto refresh = [](auto& value, auto& version, const auto& source) {
    if (value && version == source.version()) return;
    version = source.version();
    value = source.get();
  };
  refresh(rules_, rules_version_, context_.sharing);
  refresh(limits_, limits_version_, context_.limits);
  share_request request;
  if (rules_) request.strategy = rules_->of(*group.name);
  // Who brings back what it has declined is not its publisher; of that only the session is known.
  request.client = client_ != 0 && !without ? client_ : message.publisher();
  request.at = node_;
  if (context_.remote != nullptr) request.self = context_.remote->self();
  request.level = message.level();
  request.without = without;
  request.bytes = message.footprint();
  if (limits_) {
    request.max_queued_messages = limits_->max_queued_messages;
    request.max_queued_bytes = limits_->max_queued_bytes;
  }
  const auto* chosen = chooser_.choose(group, request);
  if (chosen == nullptr) return false;
  out.push_back(received_by(*chosen, message));
  out.back().share = group.name;
  return true;
}

bool matcher::rematch(const mqtt::message& message, const std::string& share, session_id without,
                      std::vector<receiver>& out) {
  out.clear();
  bool found = false;
  visit_routes(message.topic(), [&](const route& r) {
    if (!found && r.group && *r.group->name == share)
      found = choose(*r.group, message, without, out);
  });
  return found;
}

void matcher::merge(std::vector<receiver>& out) {
  auto less = [](const receiver& a, const receiver& b) { return a.who->id() < b.who->id(); };
  if (!std::is_sorted(out.begin(), out.end(), less))
    std::stable_sort(out.begin(), out.end(), less);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < out.size(); ++i) {
    auto& into = out[kept];
    auto& next = out[i];
    if (into.who->id() != next.who->id() || into.share || next.share) {
      if (++kept != i) out[kept] = std::move(next);
      continue;
    }
    into.level = std::max(into.level, next.level);
    into.retain = into.retain || next.retain;
    if (!next.subscription_ids.empty())
      into.subscription_ids.append(next.subscription_ids.begin(), next.subscription_ids.end());
  }
  out.resize(kept + 1);
}

}  // namespace troupe::broker
