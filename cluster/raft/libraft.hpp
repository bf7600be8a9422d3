#pragma once

/// libraft's header, which is C and says so nowhere, and looks into its structures. For the
/// files of this folder that are no interface; nobody else includes it.
extern "C" {
#include <raft.h>
}

#include <cstddef>

namespace troupe::cluster::raft {

/// Of raft_progress::state, which has no names in the header.
enum class progress_state : unsigned short { probe = 0, pipeline = 1, snapshot = 2 };

inline std::size_t entries_of(const raft_log& log) noexcept {
  return log.front <= log.back ? log.back - log.front : log.size - log.front + log.back;
}

inline raft_index last_index(const raft_log& log) noexcept {
  return log.offset + entries_of(log);
}

/// Null: it is not in memory.
inline const raft_entry* entry_at(const raft_log& log, raft_index index) noexcept {
  if (index <= log.offset || index > last_index(log)) return nullptr;
  return &log.entries[(log.front + (index - 1 - log.offset)) % log.size];
}

/// 0: not known.
inline raft_term term_of(const raft_log& log, raft_index index) noexcept {
  if (index != 0 && index == log.snapshot.last_index) return log.snapshot.last_term;
  const auto* entry = entry_at(log, index);
  return entry ? entry->term : 0;
}

}  // namespace troupe::cluster::raft
