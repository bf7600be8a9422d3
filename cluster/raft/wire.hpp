#pragma once

#include "cluster/raft/group_host.hpp"
#include "cluster/raft/libraft.hpp"

#include <string>
#include <string_view>

/// The messages of a group, as bytes: version 1, type 1, then fixed-width
/// little-endian fields.
namespace troupe::cluster::raft::wire {

inline constexpr std::uint8_t version = 1;

/// Appends the message. `stamp` goes with entries and their results: the leader's clock at
/// the sending, and the same sent back.
void encode(const raft_message& from, time_ms stamp, std::string& out);

/// How many of the message's entries fit into so many bytes; at least one if there is any.
unsigned entries_within(const raft_append_entries& of, std::uint64_t bytes);

/// A message that was received. Owns what libraft allocated, until take().
class incoming {
 public:
  incoming() = default;
  ~incoming() { release(); }
  incoming(incoming&& other) noexcept { *this = std::move(other); }
  incoming& operator=(incoming&& other) noexcept;

  /// False: cut short, unknown, or against what every message of Raft obeys.
  bool decode(node_id from, std::string_view bytes);

  raft_message message{};
  time_ms stamp = 0;
  node_id from() const noexcept { return node_id{message.server_id}; }
  /// Lets go of the entries: it is a heartbeat.
  void drop_entries();
  /// libraft owns what is in it from now on.
  raft_message* take() noexcept {
    owned_ = false;
    return &message;
  }
  term_no term() const noexcept;

 private:
  void release();
  bool owned_ = false;
};

}  // namespace troupe::cluster::raft::wire
