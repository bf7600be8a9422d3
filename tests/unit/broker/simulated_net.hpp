#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/network.hpp"

namespace troupe::broker::test {

/// The links of a cluster in one process: in order and once between two nodes as
/// long as both see each other. A test says when something arrives and when a link breaks.
class simulated_net {
 public:
  explicit simulated_net(std::mt19937_64& random) : random_(random) {}

  /// A node begins; `events` hears of the others.
  cluster::network& join(cluster::node_id node, cluster::network_events& events) {
    auto& made = nodes_[node];
    made = std::make_unique<port>(*this, node, events);
    for (auto& [other, there] : nodes_)
      if (other != node && there) connect(node, other);
    return *made;
  }
  void leave(cluster::node_id node) {
    for (auto& [other, there] : nodes_)
      if (other != node && there) disconnect(node, other);
    graves_.push_back(std::move(nodes_[node]));  // its actors may still send
  }
  /// Both see the other as gone, and what was under way is lost.
  void cut(cluster::node_id a, cluster::node_id b) {
    cuts_.insert({std::min(a, b), std::max(a, b)});
    disconnect(a, b);
  }
  void heal() {
    const auto cuts = std::exchange(cuts_, {});
    for (const auto& [a, b] : cuts)
      if (nodes_[a] && nodes_[b]) connect(a, b);
  }
  bool connected(cluster::node_id a, cluster::node_id b) const {
    return !cuts_.contains({std::min(a, b), std::max(a, b)});
  }
  /// Of the link between them; 0: none.
  std::uint64_t pairing(cluster::node_id a, cluster::node_id b) const {
    const auto it = pairings_.find({a, b});
    return it == pairings_.end() ? 0 : it->second;
  }
  /// Something arrives somewhere. False: nothing is under way.
  bool step() {
    std::vector<std::deque<event>*> busy;
    for (auto& [way, queue] : queues_)
      if (!queue.empty()) busy.push_back(&queue);
    if (busy.empty()) return false;
    auto& queue = *busy[random_() % busy.size()];
    for (auto n = 1 + random_() % 4; n > 0 && !queue.empty(); --n) {
      auto next = std::move(queue.front());
      queue.pop_front();
      auto it = nodes_.find(next.to);
      if (it == nodes_.end() || !it->second) continue;
      auto& events = it->second->events;
      if (next.what == event::kind::up) events.peer_up(next.from, next.pairing);
      else if (next.what == event::kind::down) events.peer_down(next.from, next.pairing);
      else events.received(next.from, next.frame.to, next.frame.bytes);
    }
    return true;
  }

 private:
  struct event {
    enum class kind { up, frame, down } what;
    cluster::node_id from;
    cluster::node_id to;
    std::uint64_t pairing = 0;
    cluster::frame frame;
  };
  struct port final : cluster::network {
    port(simulated_net& n, cluster::node_id s, cluster::network_events& e)
        : net(n), self(s), events(e) {}
    bool send(cluster::node_id to, cluster::frame what) override {
      auto it = net.pairings_.find({self, to});
      if (it == net.pairings_.end() || net.nodes_[self].get() != this) return false;
      net.queues_[{self, to}].push_back(
          {event::kind::frame, self, to, it->second, std::move(what)});
      return true;
    }
    simulated_net& net;
    cluster::node_id self;
    cluster::network_events& events;
  };

  void connect(cluster::node_id a, cluster::node_id b) {
    if (!connected(a, b)) return;
    const auto pairing = ++last_pairing_;
    for (const auto& way : {std::pair(a, b), std::pair(b, a)}) {
      pairings_[way] = pairing;
      queues_[way].push_back({event::kind::up, way.first, way.second, pairing, {}});
    }
  }
  void disconnect(cluster::node_id a, cluster::node_id b) {
    for (const auto& way : {std::pair(a, b), std::pair(b, a)}) {
      auto it = pairings_.find(way);
      if (it == pairings_.end()) continue;
      auto& queue = queues_[way];
      // Some of it may have arrived; if not even that the link began, nobody hears of its end.
      const bool known = std::none_of(queue.begin(), queue.end(), [&](const event& e) {
        return e.what == event::kind::up && e.pairing == it->second;
      });
      std::erase_if(queue, [&](const event& e) { return e.pairing == it->second; });
      if (known)
        queue.push_back({event::kind::down, way.first, way.second, it->second, {}});
      pairings_.erase(it);
    }
  }

  std::mt19937_64& random_;
  std::map<cluster::node_id, std::unique_ptr<port>> nodes_;
  std::vector<std::unique_ptr<port>> graves_;
  std::map<std::pair<cluster::node_id, cluster::node_id>, std::deque<event>> queues_;
  std::map<std::pair<cluster::node_id, cluster::node_id>, std::uint64_t> pairings_;
  std::set<std::pair<cluster::node_id, cluster::node_id>> cuts_;
  std::uint64_t last_pairing_ = 0;
};

}  // namespace troupe::broker::test
