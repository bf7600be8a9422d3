#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cluster/node_id.hpp"

/// What the parts of a node see of the other nodes. Implemented by the links,
/// and by the simulated network of tests.
namespace troupe::cluster {

/// Who reads a frame at the other end. Numbers up to 127 are for channels; a node that does not
/// know one lets its frames go.
enum class channel : std::uint8_t { member = 1, raft = 2, broker = 3, admin = 4 };

/// One message to another node, encoded.
struct frame {
  channel to = channel::broker;
  std::string bytes;
  /// Let go of when the peer has taken the frame, or when the frame is lost.
  std::shared_ptr<const void> hold;
  /// Given up, and counted, when the peer's window is full: what nobody waits for.
  bool droppable = false;
};

/// The way out. Any thread.
class network {
 public:
  virtual ~network() = default;

  /// Queues the frame for the node. Frames of one sending thread to one node
  /// arrive in the order of their sends, once, as long as the pairing lasts.
  /// False, and nothing is kept: no pairing with that node, or it is of a release that does not
  /// have the channel, or droppable and the window is full.
  virtual bool send(node_id to, frame what) = 0;
};

/// The way in. Called for each peer in order: up, any number of received, down.
class network_events {
 public:
  virtual ~network_events() = default;

  /// A pairing begins: both processes know each other and nothing is under way
  /// between them. `pairing` is the same at both ends, and not used twice.
  virtual void peer_up(node_id peer, std::uint64_t pairing) = 0;
  /// It is over: what was sent and not yet answered may have arrived or not.
  virtual void peer_down(node_id peer, std::uint64_t pairing) = 0;
  virtual void received(node_id from, channel to, std::string_view bytes) = 0;
};

}  // namespace troupe::cluster
