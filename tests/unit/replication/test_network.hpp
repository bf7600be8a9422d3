#pragma once

#include "cluster/network.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace troupe::replication::test {

/// A network that is worse than the links are: frames of a pair come in order, some of them
/// never, and both sides are told of a break only sometimes.
class test_network {
 public:
  using node_id = cluster::node_id;
  explicit test_network(std::mt19937_64& random) : random_(random) {}

  double lost = 0;                 // of all frames
  std::int64_t most_delay_ms = 5;

  cluster::network& join(node_id node, cluster::network_events& events) {
    events_[node] = &events;
    exits_[node] = std::make_unique<exit>(*this, node);
    return *exits_[node];
  }
  /// What it sent and was to get is gone.
  void leave(node_id node) {
    events_.erase(node);
    std::erase_if(ways_, [&](const auto& way) {
      return way.first.first == node || way.first.second == node;
    });
    for (auto& [other, events] : events_) events->peer_down(node, 1);
  }
  void cut(node_id a, node_id b) {
    cut_.insert({a, b});
    cut_.insert({b, a});
    ways_.erase({a, b});
    ways_.erase({b, a});
    if (random_() % 2 == 0) {
      if (events_.count(a)) events_[a]->peer_down(b, 1);
      if (events_.count(b)) events_[b]->peer_down(a, 1);
    }
  }
  void heal() { cut_.clear(); }
  bool whole() const { return cut_.empty(); }

  /// Delivers what is due.
  void advance(std::int64_t now) {
    now_ = now;
    for (bool more = true; more;) {
      more = false;
      for (auto& [way, frames] : ways_) {
        if (frames.empty() || frames.front().at > now) continue;
        const auto to = events_.find(way.second);
        auto bytes = std::move(frames.front());
        frames.pop_front();
        more = true;
        ++carried;
        if (to != events_.end()) to->second->received(way.first, bytes.channel, bytes.bytes);
      }
    }
  }

  std::uint64_t carried = 0;

 private:
  struct flying {
    std::int64_t at;
    cluster::channel channel;
    std::string bytes;
  };
  struct exit final : cluster::network {
    exit(test_network& of, node_id node) : net(of), self(node) {}
    bool send(node_id to, cluster::frame what) override {
      return net.send(self, to, std::move(what));
    }
    test_network& net;
    node_id self;
  };
  bool send(node_id from, node_id to, cluster::frame what) {
    if (!events_.count(from) || !events_.count(to) || cut_.count({from, to})) return false;
    if (std::uniform_real_distribution<>(0, 1)(random_) < lost) return true;
    auto& way = ways_[{from, to}];
    auto at = now_ + 1 + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most_delay_ms));
    if (!way.empty()) at = std::max(at, way.back().at);
    way.push_back({at, what.to, std::move(what.bytes)});
    return true;
  }

  std::mt19937_64& random_;
  std::int64_t now_ = 0;
  std::map<node_id, cluster::network_events*> events_;
  std::map<node_id, std::unique_ptr<exit>> exits_;
  std::map<std::pair<node_id, node_id>, std::deque<flying>> ways_;
  std::set<std::pair<node_id, node_id>> cut_;
};

}  // namespace troupe::replication::test
