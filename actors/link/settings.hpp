#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cluster/link/identity.hpp"
#include "cluster/link/limits.hpp"
#include "cluster/node_id.hpp"

namespace troupe::link {

/// Mutual TLS between nodes: all three are demanded, or none. PEM files.
struct tls_files {
  std::string certificate;  ///< With its chain.
  std::string key;          ///< Not encrypted.
  std::string authority;    ///< Of the cluster alone: whoever it has signed is let in.
  bool any() const { return !certificate.empty() || !key.empty() || !authority.empty(); }
};

/// How this node talks to others; fixed when the links are made.
struct link_settings {
  cluster::link_terms terms;  ///< terms.self.port 0: the port that is listened on.
  std::string bind = "127.0.0.1";  ///< Numeric address of the cluster port; "": all.
  std::uint16_t port = 0;          ///< 0: the kernel chooses.
  cluster::link_limits limits;
  std::int64_t first_retry_ms = 50;     ///< Between two calls of a peer, doubled each time,
  std::int64_t longest_retry_ms = 2'000;  ///< up to this, with jitter.
  std::int64_t greeting_ms = 3'000;     ///< A call that takes longer has failed.
};

/// A node that a link is kept with.
struct peer_address {
  cluster::node_id node = cluster::no_node;
  std::string name;
  std::string host;
  std::uint16_t port = 0;
};

/// What the links ask of the rest of the node. Called on the run loop of the links.
struct link_hooks {
  /// A question to the working actors: call `done` once, on any thread, when
  /// each run loop has had it. Empty: they always answer.
  std::function<void(std::function<void()> done)> answer_question;
  /// The answer to links::find(): who is there. A link with it is being made.
  std::function<void(const cluster::link_identity& who, const std::string& host,
                     std::uint16_t port)>
      found;
  /// Whether a node that has proved the secret may have a link: an objection as
  /// a sentence, which it is told, or "". Empty: it may.
  std::function<std::string(const cluster::link_identity& who)> objection;
};

/// Where a link stands.
enum class link_state : std::uint8_t {
  waiting,  ///< For the other side to call, or for the next try.
  calling,
  up,      ///< A pairing over a connection.
  broken,  ///< A pairing whose connection is being made anew.
};
const char* name(link_state state) noexcept;

/// Figures of one link, for metrics and people. Counters are of this process' life.
struct link_figures {
  cluster::node_id node = cluster::no_node;
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  link_state state = link_state::waiting;
  std::uint64_t pairing = 0;        ///< 0: none.
  std::int64_t up_since_ms = 0;     ///< Wall time of its beginning.
  std::uint64_t pairings = 0;       ///< How many there have been.
  std::uint64_t breaks = 0;         ///< Of the connection.
  std::uint64_t resumed = 0;
  std::size_t window_bytes = 0;     ///< Waiting and unacknowledged.
  std::size_t window_peak = 0;
  std::size_t waiting_frames = 0;   ///< The same as a number of frames.
  std::size_t flight_bytes = 0;     ///< Sent and unacknowledged.
  std::uint64_t frames_sent = 0;    ///< Taken by send().
  std::uint64_t bytes_sent = 0;
  std::uint64_t frames_dropped = 0;  ///< Droppable, with a full window.
  std::uint64_t frames_lost = 0;     ///< Taken, and unacknowledged when a pairing ended.
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t batches_sent = 0;
  std::uint64_t batches_received = 0;
  std::int64_t round_trip_ms = -1;  ///< Of the last question.
  std::string last_error;           ///< The last refusal, break or end, as a sentence.
};

}  // namespace troupe::link
