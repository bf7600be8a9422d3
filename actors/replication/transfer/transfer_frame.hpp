#pragma once

#include "cluster/network.hpp"
#include "protocol/mqtt/session_id.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::replication {

/// What two nodes say to each other when one gets the state of a shard from the other, on the
/// channel `raft`, told from envelopes by the first byte. `transfer` is chosen by who
/// asks and never used twice by that process.
///
///   ask ->  <- chunk 0..window-1;  acknowledge ->  <- chunk ...;  at last acknowledge
///   or <- refuse;  or give_up ->
struct transfer_frame {
  enum class kind : std::uint8_t { ask = 1, chunk, acknowledge, refuse, give_up };

  kind what = kind::ask;
  shard_id shard{};
  std::uint64_t transfer = 0;
  /// ask: the state is to have at least this index. chunk: which. acknowledge: all before
  /// this chunk are imported, send it and those after it.
  std::uint64_t number = 0;
  std::uint32_t window = 0;  // ask: chunks under way at most
  bool last = false;         // chunk
  std::string_view bytes;    // chunk; refuse: a sentence

  std::string encode() const;
  static bool is_one(std::string_view frame) noexcept;
  /// Nothing if it is damaged or newer. `bytes` points into the frame.
  static std::optional<transfer_frame> decode(std::string_view frame);
  /// False: it is lost.
  bool send(cluster::network& net, cluster::node_id to) const {
    return net.send(to, {cluster::channel::raft, encode(), nullptr, false});
  }
};

}  // namespace troupe::replication
