#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Routes for people and their tools. Plain data: whoever runs the broker fills it in.
namespace troupe::observe {

/// A subscription that matches a topic. Nodes are names; empty: none, or this is the only one.
struct route_entry {
  std::string session;  // 16 hexadecimal digits
  std::string client;   // empty: not known to the nodes that were asked
  std::string filter;   // without "$share"
  std::string group;    // of a shared subscription, else empty
  unsigned qos = 0;     // at most
  bool durable = false;
  bool connected = false;
  bool full = false;
  std::string node;  // to which it is delivered
  std::string at;    // where the session is awake
  std::string way;   // "local", "one hop", "two hops", "waits for an owner"
};

struct topic_routes {
  std::string topic;
  std::size_t shard = 0;
  std::string owner;
  std::uint64_t epoch = 0;
  std::string by;         // who answered
  bool complete = false;  // by the owner; else only what the node that was asked knows itself
  std::uint64_t total = 0;
  std::vector<route_entry> routes;  // perhaps not all of them
};

/// What a node has announced, and what is held of it where it is matched by.
struct route_check {
  std::string announcer;
  std::string of;         // "clean sessions", "sessions of shard 3"
  std::string announced;  // checksums, 16 hexadecimal digits
  std::string held;
  std::uint64_t announced_count = 0;
  std::uint64_t held_count = 0;
};
struct audited_routes {
  std::string part;    // "shard 3", "wildcards"
  std::string holder;  // node
  bool answered = false;
  std::uint64_t drifts = 0;         // found since that node's start
  std::vector<route_check> checks;  // the latest
};

/// Where the routes ask. Called on the HTTP server's loop; each callback is called once, within
/// a few seconds, on any thread.
class route_source {
 public:
  virtual ~route_source() = default;
  virtual void show(std::string topic, std::function<void(topic_routes)> answer) = 0;
  virtual void audit(std::function<void(std::vector<audited_routes>)> answer) = 0;
};

}  // namespace troupe::observe
