#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::broker {

/// What happened to a message, or to a client, at one place on its way.
enum class trace_hop : std::uint8_t {
  // of a client
  connected,
  refused,
  subscribed,
  unsubscribed,
  disconnected,
  // of a message
  received,  // from its publisher
  authorized,
  matched,       // by a topic shard, with how many get it
  forwarded,     // to another node
  arrived,       // from another node
  committed,     // to the store
  delivered,     // to the session of a receiver
  queued,        // there, or in the store
  written,       // to the connection of a receiver
  acknowledged,  // by a receiver
  answered,      // to its publisher
  redirected,    // to another member of a shared group
  dropped,
};

/// "received", "matched", ...
std::string_view to_string(trace_hop hop) noexcept;

/// One hop. Never holds a payload, a password or other data that clients authenticate with.
struct trace_event {
  trace_hop hop{};
  std::string client = {};  // whom it is about: the publisher or one receiver; may not be known
  std::string topic = {};
  std::string text = {};      // a sentence or less, for people
  std::string reason = {};    // of a drop or refusal, one word: "queue_full"
  std::uint64_t message = 0;  // equal on all hops of one message; 0: of a client
  std::uint64_t peer = 0;     // the node that it goes to or comes from, as its number
  std::int64_t at_us = 0;     // wall microseconds
  std::uint32_t size = 0;     // of the payload
  std::int16_t qos = -1;      // -1: none
  std::uint16_t packet = 0;   // packet identifier, 0: none

  /// What it takes in memory, at most a kilobyte or two: texts of clients are cut.
  std::size_t footprint() const noexcept {
    return sizeof(trace_event) + client.size() + topic.size() + text.size() + reason.size();
  }
};

/// Not more than an event may hold of a text that a client chose.
std::string clipped(std::string_view text);

}  // namespace troupe::broker
