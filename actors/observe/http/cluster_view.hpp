#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// A cluster as one of its nodes sees it, for people and their tools. Plain data:
/// whoever runs the cluster fills it in.
namespace troupe::observe {

/// The link to a member, as this node has it.
struct link_view {
  std::string state;             // "up", "down", "self"
  std::uint64_t sent_bytes = 0;  // since the start
  std::uint64_t received_bytes = 0;
  std::uint64_t window_bytes = 0;  // sent and not acknowledged
  std::uint64_t dropped = 0;       // frames that nobody waited for, given up
  double round_trip_seconds = 0;   // the last that was measured
};

struct member_view {
  std::string name;
  std::string node;     // id, 16 hexadecimal digits
  std::string address;  // "10.0.0.1:4883"
  std::string kind;     // "full", "witness"
  std::string state;    // "joining", "up", "leaving"
  std::string release;
  bool voter = false;  // in the meta group
  std::size_t replicas = 0;
  std::size_t owned = 0;
  link_view link;
};

struct cluster_view {
  std::string name;
  std::string id;      // 16 hexadecimal digits; empty: no member yet
  std::string self;    // name of the node that is asked
  std::string leader;  // name of the meta group's leader, empty: none that is known
  std::uint64_t term = 0;
  std::uint64_t map_version = 0;
  std::size_t shards = 0;
  std::uint32_t replicas = 0;  // wanted of each shard
  std::size_t without_owner = 0;
  std::vector<std::string> problems;  // sentences: why this node is not ready
  std::vector<member_view> members;   // by name
};

struct shard_view {
  std::size_t shard = 0;
  std::string owner;  // name, empty: none that is known
  std::uint64_t epoch = 0;
  std::vector<std::string> replicas;  // names; the first is the preferred owner
};

/// What an operator asks for.
struct cluster_order {
  enum class kind : std::uint8_t { join, leave, evict, plan };
  kind what = kind::plan;
  std::string address;  // join: "host:port" of a member
  std::string node;     // leave, evict: name or id; leave: empty for the node that is asked
  bool force = false;   // leave, evict
  bool apply = false;   // plan: do it, not only tell
};

/// What became of it.
struct cluster_answer {
  bool done = false;         // false: refused, nothing was changed
  bool unavailable = false;  // nobody could decide: no majority, or too late. It may still happen
  std::string text;          // for people, one or more lines
};

/// Where the routes ask. Called on the HTTP server's loop; each callback is
/// called at most once, on any thread, now or later.
class cluster_source {
 public:
  virtual ~cluster_source() = default;
  virtual void view(std::function<void(cluster_view)> answer) = 0;
  virtual void shards(std::function<void(std::vector<shard_view>)> answer) = 0;
  virtual void order(cluster_order what, std::function<void(cluster_answer)> answer) = 0;
};

}  // namespace troupe::observe
