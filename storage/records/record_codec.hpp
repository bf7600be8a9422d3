#pragma once

#include "storage/store.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Values of the store and their records (protocol/schema/stored.proto). A
/// decoder gives nothing for bytes that are damaged or of a newer layout. Bodies and
/// what refers to them: run_codec.hpp.
namespace troupe::storage::record {

/// Layout of a directory. Version 1 had a record for every message of a queue, version 2 a head
/// for every message of a run.
inline constexpr std::uint32_t layout_version = 4;
/// Of a directory with replicated shards.
inline constexpr std::uint32_t replicated_layout_version = 3;
inline constexpr std::uint32_t newest_layout_version = 4;
/// Of the records below.
inline constexpr std::uint32_t record_version = 1;

/// Appends the record to `out`.
void encode(const retained_message& from, std::string& out);
void encode(const session_record& from, std::string& out);
void encode(const subscription_record& from, std::string& out);
void encode(const outgoing_record& from, std::string& out);
void encode(const received_record& from, std::string& out);
void encode(const origin_record& from, std::string& out);
void encode(const choice_record& from, std::string& out);
void encode_number(std::uint64_t value, std::string& out);
void encode_directory(std::uint16_t shards, std::uint32_t layout, std::string& out);

/// Its body is null for bytes that cannot be read.
retained_message decode_retained(std::string_view bytes);
/// Expiry alone, without a copy of the message: 0 never, nothing if damaged.
std::optional<std::int64_t> decode_expiry(std::string_view bytes);
std::optional<session_record> decode_session(session_id id, std::string_view bytes);
std::optional<subscription_record> decode_subscription(std::string_view filter,
                                                       std::string_view bytes);
std::optional<outgoing_record> decode_outgoing(mqtt::packet_id id, std::string_view bytes);
std::optional<received_record> decode_received(mqtt::packet_id id, std::string_view bytes);
/// `publisher` and `topics` are in the key.
std::optional<origin_record> decode_origin(session_id publisher, shard_id topics,
                                           std::string_view bytes);
/// `publisher` and `of` are in the key.
std::optional<choice_record> decode_choice(session_id publisher, const session::origin& of,
                                           std::string_view bytes);
std::optional<std::uint64_t> decode_number(std::string_view bytes);

struct directory {
  std::uint32_t version = 0;
  std::uint16_t shards = 0;
};
/// Of any version, so that a newer one can be named; nothing if damaged.
std::optional<directory> decode_directory(std::string_view bytes);

}  // namespace troupe::storage::record
