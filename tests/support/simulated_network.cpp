#include "tests/support/simulated_network.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <vector>

namespace troupe::cluster::testing {

// Frames of one side on their way to the other.
struct simulated_network::way {
  struct parcel {
    std::int64_t at;
    frame what;
  };
  explicit way(const link_limits& limits) : budget(limits) {}

  std::uint64_t life = 0;  // of the pairing, shared by both ways
  send_budget budget;
  std::deque<parcel> under_way;  // in order
  // Arrived, but the way back is cut: no acknowledgement.
  std::vector<std::pair<std::size_t, std::shared_ptr<const void>>> unacknowledged;
  std::optional<std::int64_t> stuck_since;  // from when nothing of this pairing got through
  bool overrun = false;
};

// A process and its pairings.
struct simulated_network::process {
  network_events* events = nullptr;
  std::unique_ptr<simulated_network::exit> out;
  std::map<node_id, std::pair<std::uint64_t, std::uint64_t>> pairings;  // peer: number, life
  bool frozen = false;
};

class simulated_network::exit final : public network {
 public:
  exit(simulated_network& owner, node_id self) : owner_(owner), self_(self) {}
  bool send(node_id to, frame what) override { return owner_.send(self_, to, std::move(what)); }

 private:
  simulated_network& owner_;
  node_id self_;
};

simulated_network::simulated_network(std::uint64_t seed, options x)
    : random_(seed), options_(x) {}

simulated_network::~simulated_network() = default;

std::int64_t simulated_network::chance(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
}

// -- nodes -----------------------------------------------------------------------

network& simulated_network::start(node_id node, network_events& events) {
  if (processes_.contains(node)) throw std::logic_error("the node is alive");
  auto made = std::make_unique<process>();
  made->events = &events;
  made->out = std::make_unique<exit>(*this, node);
  auto& out = *made->out;
  processes_.emplace(node, std::move(made));
  return out;
}

bool simulated_network::alive(node_id node) const { return processes_.contains(node); }

void simulated_network::crash(node_id node) {
  const auto found = processes_.extract(node);
  if (found.empty()) return;
  for (auto at = ways_.begin(); at != ways_.end();) {
    if (at->first.first == node || at->first.second == node) lose(*at->second);
    at = at->first.first == node ? ways_.erase(at) : std::next(at);
  }
  // The survivors' own ways say that the other end is gone.
  for (auto& [ends, x] : ways_)
    if (ends.second == node) x->stuck_since = now_ - options_.limits.suspect_ms - chance(0, 20);
}

void simulated_network::stop(node_id node) {
  if (!processes_.contains(node)) return;
  const auto pairings = processes_[node]->pairings;
  for (const auto& [peer, pairing] : pairings) {
    end(node, peer);
    if (processes_.contains(peer)) end(peer, node);
  }
  processes_.erase(node);
}

void simulated_network::freeze(node_id node) { processes_.at(node)->frozen = true; }

void simulated_network::thaw(node_id node) { processes_.at(node)->frozen = false; }

// -- the network --------------------------------------------------------------------

void simulated_network::cut_way(node_id from, node_id to) { cut_.insert({from, to}); }

void simulated_network::cut(node_id a, node_id b) {
  cut_way(a, b);
  cut_way(b, a);
}

void simulated_network::isolate(node_id node) {
  for (const auto& [other, x] : processes_)
    if (other != node) cut(node, other);
}

void simulated_network::heal(node_id a, node_id b) {
  cut_.erase({a, b});
  cut_.erase({b, a});
}

void simulated_network::heal_all() { cut_.clear(); }

void simulated_network::slow(node_id node, std::size_t bytes_per_ms) {
  slow_[node] = bytes_per_ms;
}

bool simulated_network::open(node_id from, node_id to) const {
  const auto a = processes_.find(from);
  const auto b = processes_.find(to);
  return a != processes_.end() && b != processes_.end() && !a->second->frozen &&
         !b->second->frozen && !cut_.contains({from, to});
}

bool simulated_network::reachable(node_id a, node_id b) const { return open(a, b) && open(b, a); }

std::uint64_t simulated_network::pairing(node_id of, node_id with) const {
  const auto found = processes_.find(of);
  if (found == processes_.end()) return 0;
  const auto at = found->second->pairings.find(with);
  return at == found->second->pairings.end() ? 0 : at->second.first;
}

// -- frames ---------------------------------------------------------------------------

bool simulated_network::send(node_id from, node_id to, frame what) {
  const auto found = ways_.find({from, to});
  if (found == ways_.end() || found->second->overrun) {
    ++counts_.refused;
    return false;
  }
  auto& x = *found->second;
  switch (x.budget.ask(frame_cost(what.bytes.size()), what.droppable)) {
    case send_budget::verdict::dropped:
      ++counts_.dropped;
      return false;
    case send_budget::verdict::overrun:
      ++counts_.overruns;
      x.overrun = true;  // ended at the next step, as the link does
      return false;
    case send_budget::verdict::taken:
      break;
  }
  auto at = now_ + chance(options_.least_delay_ms, options_.most_delay_ms);
  if (!x.under_way.empty()) at = std::max(at, x.under_way.back().at);
  x.under_way.push_back({at, std::move(what)});
  ++counts_.sent;
  return true;
}

void simulated_network::lose(way& x) {
  counts_.lost += x.under_way.size();
  // A hold that is let go may send.
  const auto gone = std::exchange(x.under_way, {});
  const auto held = std::exchange(x.unacknowledged, {});
  x.budget.clear();
  x.overrun = true;
}

void simulated_network::deliver() {
  // Ways that have something, in an order of this step's own.
  std::vector<edge> ready;
  for (auto& [ends, x] : ways_)
    if (!x->under_way.empty() && x->under_way.front().at <= now_) ready.push_back(ends);
  std::shuffle(ready.begin(), ready.end(), random_);
  for (const auto& each : ready) {
    std::size_t taken = 0;
    while (true) {
      // A receiver may do anything: look again each time.
      const auto found = ways_.find(each);
      if (found == ways_.end() || found->second->under_way.empty()) break;
      auto& x = *found->second;
      if (x.under_way.front().at > now_ || !open(each.first, each.second)) break;
      auto& receiver = *processes_.at(each.second);
      const auto pairing = receiver.pairings.find(each.first);
      if (pairing == receiver.pairings.end() || pairing->second.second != x.life) break;
      const auto speed = slow_.find(each.second);
      const auto cost = frame_cost(x.under_way.front().what.bytes.size());
      if (speed != slow_.end() && speed->second != 0) {
        // A frame larger than a millisecond's share takes a millisecond.
        if (taken != 0 && taken + cost > speed->second) break;
        taken += cost;
      }
      auto what = std::move(x.under_way.front().what);
      x.under_way.pop_front();
      if (open(each.second, each.first))
        x.budget.settle(cost);
      else
        x.unacknowledged.emplace_back(cost, std::move(what.hold));
      ++counts_.arrived;
      receiver.events->received(each.first, what.to, what.bytes);
    }
  }
}

// -- pairings ---------------------------------------------------------------------------

void simulated_network::end(node_id of, node_id with) {
  const auto found = processes_.find(of);
  if (found == processes_.end()) return;
  const auto at = found->second->pairings.find(with);
  if (at == found->second->pairings.end()) return;
  const auto number = at->second.first;
  found->second->pairings.erase(at);
  if (const auto own = ways_.extract({of, with}); !own.empty()) lose(*own.mapped());
  redial_at_[std::minmax(of, with)] = now_ + chance(options_.redial_ms, 2 * options_.redial_ms);
  found->second->events->peer_down(with, number);
}

/// Each side ends a pairing when its own time is over.
void simulated_network::watch() {
  std::vector<edge> over;
  std::vector<decltype(way::unacknowledged)> let_go;  // when the ways are whole again
  for (auto& [ends, x] : ways_) {
    const auto [from, to] = ends;
    const auto self = processes_.find(from);
    if (self == processes_.end() || self->second->frozen) continue;
    const auto peer = processes_.find(to);
    const bool same_life = peer != processes_.end() && peer->second->pairings.contains(from) &&
                           peer->second->pairings.at(from).second == x->life;
    const bool through = same_life && reachable(from, to);
    if (x->overrun && same_life) {
      over.push_back(ends);
    } else if (through) {
      x->stuck_since.reset();
      for (auto& [cost, hold] : x->unacknowledged) x->budget.settle(cost);
      let_go.push_back(std::exchange(x->unacknowledged, {}));
    } else {
      if (!x->stuck_since) x->stuck_since = now_;
      // The other has ended it and can say so: told at once.
      const bool told = peer != processes_.end() && !same_life && reachable(from, to);
      if (told || now_ - *x->stuck_since > options_.limits.suspect_ms) over.push_back(ends);
    }
  }
  std::shuffle(over.begin(), over.end(), random_);
  for (const auto& [from, to] : over) end(from, to);
}

void simulated_network::pair_up() {
  std::vector<edge> pairs;
  for (const auto& [a, x] : processes_)
    for (const auto& [b, y] : processes_)
      if (a < b && reachable(a, b) && !x->pairings.contains(b) && !y->pairings.contains(a))
        pairs.emplace_back(a, b);
  std::shuffle(pairs.begin(), pairs.end(), random_);
  for (const auto& [a, b] : pairs) {
    auto& due = redial_at_[{a, b}];
    if (due == 0) due = now_ + chance(1, options_.redial_ms);
    if (now_ < due) continue;
    due = 0;
    const auto life = random_() | 1;
    for (const auto& [from, to] : {edge{a, b}, edge{b, a}}) {
      auto made = std::make_unique<way>(options_.limits);
      made->life = life;
      ways_[{from, to}] = std::move(made);
      processes_.at(from)->pairings[to] = {++last_pairing_[from], life};
    }
    for (const auto& [from, to] : {edge{a, b}, edge{b, a}}) {
      const auto self = processes_.find(from);
      if (self != processes_.end() && self->second->pairings.contains(to))
        self->second->events->peer_up(to, self->second->pairings.at(to).first);
    }
  }
}

// -- time --------------------------------------------------------------------------------

void simulated_network::step() {
  ++now_;
  deliver();
  watch();
  pair_up();
}

void simulated_network::advance(std::int64_t ms) {
  for (const auto end = now_ + ms; now_ < end;) step();
}

bool simulated_network::run_until(const std::function<bool()>& done, std::int64_t limit_ms) {
  for (const auto end = now_ + limit_ms; now_ < end; step())
    if (done()) return true;
  return done();
}

}  // namespace troupe::cluster::testing
