#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "actors/broker/messages.hpp"
#include "actors/broker/routing/matcher.hpp"
#include "protocol/schema/peer.pb.h"
#include "storage/store.hpp"

/// Frames of the channel `broker`: a kind, a shard, a message of
/// protocol/schema/peer.proto.
namespace troupe::broker {

/// Numbers are part of the protocol between nodes: never used again for another meaning.
enum class frame_kind : std::uint8_t {
  publish = 1,         // to the owner of a topic shard
  publish_answer = 2,  // to the node that published
  deliver = 3,         // to the node of receivers
  deliver_answer = 4,
  route = 5,           // to the owner of a topic shard, or to every wildcard index
  route_answer = 6,
  routes_begin = 7,
  routes_complete = 8,
  session_route = 9,   // to the owner of a session shard, which announces it
  session_route_answer = 10,
  open_session = 11,   // to the owner of a session shard
  session_grant = 12,  // to the node of the connection
  session_ended = 13,  // to the owner
  session_rested = 14,
  sessions_here = 15,
  session_yield = 16,  // to the node of the session
  forward = 17,
  settled = 18,        // to the owner
  trim_queue = 19,     // to the node of the session
  store_commit = 20,   // to the owner of a session shard
  store_answer = 21,
  store_read = 22,     // to the owner of a shard
  store_page = 23,
  route_check = 24,    // to where routes are announced: audit/route_audit
  routes_wanted = 25,  // to who announces
  route_question = 26, // to who knows
  route_report = 27,
};

/// The shard of frames for the wildcard index.
inline constexpr std::uint16_t wildcard_shard = 0xFFFF;

struct frame_head {
  frame_kind kind{};
  std::uint16_t shard = 0;
};
inline constexpr std::size_t frame_head_size = 3;

/// The frame as it is sent.
std::string encode_frame(frame_kind kind, std::uint16_t shard,
                         const google::protobuf::MessageLite& content);
/// Nothing for bytes that are too short.
std::optional<frame_head> decode_head(std::string_view frame) noexcept;

// --- parts ---

void put_body(const mqtt::message& from, peer::Body& to);
/// Null for what cannot be a message. `of_this_node`: the frame was made here.
mqtt::message_ptr body_of(const peer::Body& from, bool of_this_node = false);

void put_receiver(const receiver& from, peer::Receiver& to);

/// `who` null: not told.
void put_route(const route_change& from, peer::Route& to);
/// `by` announces it, in its announcement of that number.
route_change route_of(const peer::Route& from, cluster::node_id by, std::uint64_t announcement = 0);

void put_state(const storage::session_record& record,
               const std::vector<storage::subscription_record>& subscriptions,
               peer::SessionState& to);
void put_will(const mqtt::will& from, peer::Will& to);
mqtt::will will_of(const peer::Will& from);
storage::session_record record_of(const peer::SessionState& from);
std::vector<storage::subscription_record> subscriptions_of(const peer::SessionState& from);

void put_forward(const troupe::session::delivery& from, session_id to_whom, peer::ForwardItem& to);
/// Its body is null for what cannot be a message.
troupe::session::delivery delivery_of(const peer::ForwardItem& from);

}  // namespace troupe::broker
