#include "actors/node/node_routes.hpp"

#include "actors/broker/remote/peers.hpp"
#include "actors/broker/tell.hpp"
#include "protocol/topics/names.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

namespace troupe::node {

namespace {

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 17> room{};
  std::snprintf(room.data(), room.size(), "%016llx", static_cast<unsigned long long>(value));
  return room.data();
}

/// By id, for people.
class node_names {
 public:
  node_names() = default;
  explicit node_names(const observe::cluster_view& from) {
    for (const auto& each : from.members) names_[each.node] = each.name;
  }
  std::string of(cluster::node_id node) const {
    if (node == cluster::no_node) return {};
    const auto id = hexadecimal(number(node));
    const auto it = names_.find(id);
    return it == names_.end() ? id : it->second;
  }

 private:
  std::map<std::string, std::string> names_;
};

/// From the owner of the topic on.
const char* way_of(const broker::found_route& r, const broker::route_report& from) {
  if (from.by == cluster::no_node) return "local";
  if (r.via == cluster::no_node) return "waits for an owner";
  const bool forwarded = r.online && r.at != cluster::no_node && r.at != r.via;
  if (r.via == from.by) return forwarded ? "one hop" : "local";
  return forwarded ? "two hops" : "one hop";
}

observe::topic_routes view_of(const std::string& topic, std::size_t shard,
                              const std::vector<broker::route_report>& reports,
                              const node_names& names) {
  observe::topic_routes to;
  to.topic = topic;
  to.shard = shard;
  if (reports.empty()) return to;  // the owner is silent
  const auto& report = reports.front();
  to.owner = names.of(report.owner.node);
  to.epoch = report.owner.epoch;
  to.by = names.of(report.by);
  to.complete = report.answered;
  to.total = report.routes_in_all;
  for (const auto& each : report.routes) {
    auto& added = to.routes.emplace_back();
    added.session = hexadecimal(each.session.value);
    added.client = each.client_id;
    added.filter = each.filter;
    if (const auto shared = topics::parse_shared(each.share)) added.group = shared->group;
    added.qos = static_cast<unsigned>(each.level);
    added.durable = each.durable;
    added.connected = each.online;
    added.full = each.full;
    added.node = names.of(each.via);
    added.at = names.of(each.at);
    added.way = way_of(each, report);
  }
  std::ranges::sort(to.routes, {}, [](const observe::route_entry& each) {
    return std::tie(each.filter, each.group, each.client, each.session);
  });
  return to;
}

/// Reports of all parts, in whatever order they come.
struct gathering {
  std::mutex mutex;
  std::size_t open = 0;
  std::vector<observe::audited_routes> parts;
  std::function<void(std::vector<observe::audited_routes>)> answer;
  node_names names;

  void add(const std::string& part, std::size_t place,
           const std::vector<broker::route_report>& reports) {
    bool last = false;
    {
      const std::lock_guard lock(mutex);
      for (const auto& report : reports) take(part, place, report);
      if (reports.empty())
        places.emplace_back(place, observe::audited_routes{part, {}, false, 0, {}});
      last = --open == 0;
    }
    if (!last) return;
    std::ranges::stable_sort(
        places, {}, [](const auto& each) { return std::pair(each.first, each.second.holder); });
    for (auto& each : places) parts.push_back(std::move(each.second));
    answer(std::move(parts));
  }

 private:
  void take(const std::string& part, std::size_t place, const broker::route_report& report) {
    observe::audited_routes to{part, names.of(report.by), report.answered, report.drifts, {}};
    for (const auto& each : report.checks)
      to.checks.push_back({names.of(each.announcer),
                           each.sessions
                               ? "sessions of shard " + std::to_string(number(*each.sessions))
                               : std::string("clean sessions"),
                           hexadecimal(each.announced.sum), hexadecimal(each.held.sum),
                           each.announced.count, each.held.count});
    places.emplace_back(place, std::move(to));
  }

  std::vector<std::pair<std::size_t, observe::audited_routes>> places;
};

class broker_routes final : public observe::route_source {
 public:
  broker_routes(broker::broker_context& context, std::shared_ptr<observe::cluster_source> cluster)
      : context_(context), cluster_(std::move(cluster)) {}

  void show(std::string topic, std::function<void(observe::topic_routes)> answer) override {
    with_names([this, topic = std::move(topic), answer = std::move(answer)](node_names names) {
      if (context_.released()) return answer({});
      const auto shard = number(context_.shard_of(topic));
      broker::tell(
          context_.topic_shards[shard],
          broker::route_question{topic, [=](const std::vector<broker::route_report>& reports) {
                                   answer(view_of(topic, shard, reports, names));
                                 }});
    });
  }

  void audit(std::function<void(std::vector<observe::audited_routes>)> answer) override {
    with_names([this, answer = std::move(answer)](node_names names) {
      // There is nobody to differ from.
      if (context_.remote == nullptr || context_.released()) return answer({});
      auto all = std::make_shared<gathering>();
      const auto shards = context_.topic_shards.size();
      all->open = shards + 1;
      all->answer = answer;
      all->names = std::move(names);
      for (std::size_t i = 0; i < shards; ++i)
        broker::tell(
            context_.topic_shards[i],
            broker::route_question{{}, [all, i](const std::vector<broker::route_report>& reports) {
                                     all->add("shard " + std::to_string(i), i, reports);
                                   }});
      broker::tell(context_.wildcard_index,
                   broker::route_question{
                       {}, [all, shards](const std::vector<broker::route_report>& reports) {
                         all->add("wildcards", shards, reports);
                       }});
    });
  }

 private:
  void with_names(std::function<void(node_names)> then) {
    if (!cluster_) return then({});
    cluster_->view(
        [then = std::move(then)](const observe::cluster_view& view) { then(node_names(view)); });
  }

  broker::broker_context& context_;
  std::shared_ptr<observe::cluster_source> cluster_;
};

}  // namespace

std::shared_ptr<observe::route_source> make_route_source(
    broker::broker_context& context, std::shared_ptr<observe::cluster_source> cluster) {
  return std::make_shared<broker_routes>(context, std::move(cluster));
}

}  // namespace troupe::node
