#pragma once

#include "storage/raft/raft_log.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Keys and records of the Raft log: a key is group 4, kind 1, index 8 (of an entry),
/// big-endian; a record begins with its version. A decoder gives nothing for
/// bytes that are damaged or of a newer version.
namespace troupe::storage::raft_record {

inline constexpr std::uint8_t version = 1;

enum class family : std::uint8_t { vote = 1, snapshot = 2, entry = 3 };

/// The record of the directory is at the group that no group has.
inline constexpr raft_group_no directory_group = 0xFFFFFFFFU;

std::string key(raft_group_no group, family what);
std::string entry_key(raft_group_no group, std::uint64_t index);
/// The key after all keys of a family of a group.
std::string end_key(raft_group_no group, family what);
/// Index within an entry's key; nothing if it is not one.
std::optional<std::uint64_t> index_of(std::string_view key);

struct vote {
  std::uint64_t term = 0;
  std::uint64_t voted_for = 0;
};

void encode(const vote& from, std::string& out);
void encode_entry(std::uint64_t term, raft_entry_kind kind, std::string_view bytes,
                  std::string& out);
void encode(const raft_log_snapshot& from, std::string& out);

std::optional<vote> decode_vote(std::string_view bytes);
std::optional<raft_log_entry> decode_entry(std::string_view bytes);
std::optional<raft_log_snapshot> decode_snapshot(std::string_view bytes);

}  // namespace troupe::storage::raft_record
