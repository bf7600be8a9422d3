#include "storage/backup/replica_choice.hpp"

#include <algorithm>
#include <string>

namespace troupe::storage::backup {
namespace {

/// Where a log ends; index 0: it has nothing.
place end_of(const raft_log_content& log) {
  if (!log.entries.empty()) return {log.entries.back().term, log.first + log.entries.size() - 1};
  return log.snapshot ? place{log.snapshot->term, log.snapshot->index} : place{};
}

/// Whether the log goes on from a state: it has the very entry that the state ends with. A log that
/// was copied before its state may end with what another leader has overwritten since.
bool goes_on(const raft_log_content& log, const place& from) {
  if (from.index == 0) return !log.snapshot && log.first == 1 && !log.entries.empty();
  if (log.snapshot && log.snapshot->index == from.index) return log.snapshot->term == from.term;
  if (from.index < log.first || from.index - log.first >= log.entries.size()) return false;
  return log.entries[from.index - log.first].term == from.term;
}

const std::string* newest_configuration(const raft_log_content& log) {
  const auto at = std::ranges::find(log.entries.rbegin(), log.entries.rend(),
                                    raft_entry_kind::configuration, &raft_log_entry::kind);
  if (at != log.entries.rend()) return &at->bytes;
  return log.snapshot ? &log.snapshot->configuration : nullptr;
}

void count_voters(const std::vector<replica_copy>& copies, const read_voters& voters,
                  replica_choice& out) {
  const replica_copy* farthest = nullptr;
  for (const auto& each : copies) {
    if (!each.log.empty() && (!farthest || end_of(farthest->log) < end_of(each.log)))
      farthest = &each;
  }
  const auto* bytes = farthest ? newest_configuration(farthest->log) : nullptr;
  const auto named = bytes ? voters(*bytes) : std::nullopt;
  if (!named) return;
  out.voters = named->size();
  out.given = static_cast<std::size_t>(std::ranges::count_if(*named, [&](std::uint64_t node) {
    return std::ranges::any_of(copies, [node](const replica_copy& each) {
      return each.node == node && !each.log.empty();
    });
  }));
}

}  // namespace

std::optional<replica_choice> choose_replica(const std::vector<replica_copy>& copies,
                                             const read_voters& voters) {
  std::optional<replica_choice> best;
  place farthest;
  const auto take = [&best](const replica_choice& one) {
    if (!best || best->end < one.end) best = one;
  };
  const auto try_logs = [&](std::optional<std::size_t> state, const place& from) {
    // The own log first: of equal ones it is the one that was read already.
    for (std::size_t i = 0; i < copies.size(); ++i) {
      if (goes_on(copies[i].log, from) && from < end_of(copies[i].log))
        take({state, i, end_of(copies[i].log), {}});
    }
  };
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const auto& copy = copies[i];
    farthest = std::max(farthest, end_of(copy.log));
    if (!copy.has_state()) continue;
    const place reached{copy.marks.term, copy.marks.index};
    farthest = std::max(farthest, reached);
    take({i, std::nullopt, reached, {}});
    try_logs(i, reached);
  }
  try_logs(std::nullopt, {});
  if (!best) return std::nullopt;
  best->farthest = farthest;
  count_voters(copies, voters, *best);
  return best;
}

}  // namespace troupe::storage::backup
