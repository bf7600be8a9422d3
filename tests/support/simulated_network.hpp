#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "cluster/link/limits.hpp"
#include "cluster/link/send_budget.hpp"
#include "cluster/network.hpp"

namespace troupe::cluster::testing {

/// The network of a cluster within one test: nodes that are objects, time that
/// the test moves, chance that a seed decides. To each node it looks like the
/// links: frames in order and once within a pairing, a bounded window,
/// peer_up() and peer_down(), holds that are let go of.
///
/// What it does beyond delay is ordered by the test: cut, isolate, crash,
/// slow. A break shorter than link_limits::suspect_ms is invisible but for the
/// delay; a longer one ends the pairing, on each side when its own time is over.
///
/// Single-threaded. Events are called from run_until() and advance() only.
class simulated_network {
 public:
  struct options {
    std::int64_t least_delay_ms = 1;
    std::int64_t most_delay_ms = 5;
    std::int64_t redial_ms = 50;  ///< From "can be reached" to a new pairing, at most twice this.
    link_limits limits;
  };

  explicit simulated_network(std::uint64_t seed) : simulated_network(seed, options{}) {}
  simulated_network(std::uint64_t seed, options x);
  ~simulated_network();
  simulated_network(const simulated_network&) = delete;
  simulated_network& operator=(const simulated_network&) = delete;

  // -- nodes -------------------------------------------------------------------

  /// A process begins; it has a pairing with every other that it can reach
  /// after a short time. Answers its way out, which lives until crash() or
  /// stop(). The node must not be alive.
  network& start(node_id node, network_events& events);
  /// kill -9: nothing that it sent and that is still under way arrives; its
  /// peers notice within milliseconds. Its events are not called again.
  void crash(node_id node);
  /// An orderly stop: it and its peers have peer_down() before this returns.
  void stop(node_id node);
  /// SIGSTOP: it gets nothing and does nothing; its peers give it up after
  /// suspect_ms. thaw() wakes it: it learns what has become of its pairings.
  void freeze(node_id node);
  void thaw(node_id node);
  bool alive(node_id node) const;

  // -- the network -----------------------------------------------------------------

  /// Nothing goes from one to the other; the way back is open, but without
  /// acknowledgements a pairing does not live.
  void cut_way(node_id from, node_id to);
  /// Both ways.
  void cut(node_id a, node_id b);
  /// A node and all others.
  void isolate(node_id node);
  void heal(node_id a, node_id b);
  void heal_all();
  /// The node takes this many bytes in a millisecond from each peer; 0: as
  /// fast as they come.
  void slow(node_id node, std::size_t bytes_per_ms);

  // -- time --------------------------------------------------------------------------

  std::int64_t now() const noexcept { return now_; }
  /// Lets time pass, and everything happen that is due in it.
  void advance(std::int64_t ms);
  /// Lets time pass until it is so, or `limit_ms` are over (false).
  bool run_until(const std::function<bool()>& done, std::int64_t limit_ms);

  // -- figures -------------------------------------------------------------------------

  struct counts {
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;
    std::uint64_t lost = 0;  ///< With their pairing.
    std::uint64_t dropped = 0;
    std::uint64_t refused = 0;
    std::uint64_t overruns = 0;
  };
  const counts& figures() const noexcept { return counts_; }
  /// 0: no pairing.
  std::uint64_t pairing(node_id of, node_id with) const;

 private:
  struct way;       // one direction of a pairing
  struct side;      // a node's view of a pairing
  struct process;   // a node that is alive
  class exit;       // its network
  using edge = std::pair<node_id, node_id>;

  bool send(node_id from, node_id to, frame what);
  bool open(node_id from, node_id to) const;
  bool reachable(node_id a, node_id b) const;
  void step();
  void deliver();
  void watch();
  void pair_up();
  void end(node_id of, node_id with);
  void lose(way& x);
  std::int64_t chance(std::int64_t low, std::int64_t high);

  std::mt19937_64 random_;
  options options_;
  std::int64_t now_ = 1'000;
  std::map<node_id, std::unique_ptr<process>> processes_;
  std::map<node_id, std::uint64_t> last_pairing_;  // never used twice by a node, whatever its life
  std::map<edge, std::unique_ptr<way>> ways_;
  std::map<edge, std::int64_t> redial_at_;  // lower id first
  std::set<edge> cut_;
  std::map<node_id, std::size_t> slow_;
  counts counts_;
};

}  // namespace troupe::cluster::testing
