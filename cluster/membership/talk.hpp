#pragma once

#include "cluster/map/member.hpp"
#include "protocol/mqtt/session_id.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// What nodes say to each other on the channel `member`.
namespace troupe::cluster::talk {

/// Where a node is reached.
struct contact {
  node_id node = no_node;
  std::string name;
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const contact&) const = default;
};

/// The first message to a peer; again when something of it changes.
struct hello {
  std::uint64_t cluster = 0;  // 0: not a member of one yet
  member self;
  std::uint32_t expect = 1;  // bootstrap_expect
  bool takes_part = false;   // in forming a new cluster
  std::uint64_t round = 0;   // not 0: it stands for forming the cluster
  std::vector<contact> known;

  bool operator==(const hello&) const = default;
};

/// To the node that stands in that round: nobody else is promised meanwhile.
struct promise {
  std::uint64_t round = 0;
};

/// A command (command::encode()) for the leader of the meta group.
struct forward {
  std::uint64_t request = 0;  // the sender's own number
  std::string command;
  bool relayed = false;  // not to be passed on again
};

struct answer {
  enum class result : std::uint8_t {
    changed,
    unchanged,
    refused,      // `sentence` says why
    unavailable,  // nobody could decide; it may still happen
  };
  std::uint64_t request = 0;
  result what = result::unavailable;
  std::string sentence;
  std::uint64_t cluster = 0;
  bool gone = false;  // who wants to join left the cluster or was evicted

  bool ok() const noexcept { return what == result::changed || what == result::unchanged; }
};

struct owned_shard {
  shard_id shard{};
  std::uint64_t epoch = 0;
  /// Version of the map that the servers of its group agree with; 0: none that is known.
  std::uint64_t settled = 0;

  bool operator==(const owned_shard&) const = default;
};
using owned = std::vector<owned_shard>;

struct owns {
  bool full = false;  // all that the sender owns
  owned shards;
};

struct withdraws {
  owned shards;
};

/// The receiver left the cluster or was evicted from it.
struct gone {
  std::uint64_t cluster = 0;
  std::string sentence;
};

/// Which members the sender hears, beside itself.
struct hears {
  std::vector<node_id> nodes;
};

using any = std::variant<hello, promise, forward, answer, owns, withdraws, gone, hears>;

inline constexpr std::size_t most_known = most_members;
inline constexpr std::size_t most_owned = 4096;
inline constexpr std::size_t longest_command = std::size_t{4} << 20;

std::string encode(const any& what);

/// Empty, with a sentence in `error`: malformed, beyond a limit, or of a newer version.
std::optional<any> decode(std::string_view bytes, std::string& error);

}  // namespace troupe::cluster::talk
