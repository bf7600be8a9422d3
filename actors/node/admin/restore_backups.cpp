#include "actors/node/admin/restore_backups.hpp"

#include "actors/replication/log_entry.hpp"
#include "cluster/raft/configuration.hpp"
#include "storage/backup/backup.hpp"
#include "storage/backup/merge_copies.hpp"

#include <cstdint>
#include <optional>

namespace troupe::node {
namespace {

std::optional<std::vector<std::uint64_t>> voters_in(std::string_view configuration) {
  const auto members = cluster::raft::decode_configuration(configuration);
  if (!members) return std::nullopt;
  std::vector<std::uint64_t> voters;
  for (const auto& each : *members) {
    if (each.role == cluster::raft::member_role::voter) voters.push_back(number(each.node));
  }
  return voters;
}

std::string refusal_of(const std::string& backup, const config::configuration& from) {
  if (!from.cluster.enabled()) return {};
  return "The backup " + backup +
         " is of a single node, and cannot become one of a cluster: leave the cluster out of the "
         "configuration.";
}

}  // namespace

restored_backups restore_backups(const std::vector<std::string>& backups,
                                 const config::configuration& from) {
  restored_backups told;
  const auto first = storage::read_backup(backups.front());
  if (!first.error.empty()) {
    told.error = first.error;
    return told;
  }
  const auto& to = from.node.data_dir;
  if (first.cluster == 0 && backups.size() == 1) {
    if (told.error = refusal_of(backups.front(), from); !told.error.empty()) return told;
    const auto made = storage::restore_backup(backups.front(), to);
    told.error = made.error;
    told.done = "Restored " + std::to_string(made.files) + " files, " + std::to_string(made.bytes) +
                " bytes, from " + backups.front() + " to " + to;
    return told;
  }
  storage::merge_settings settings;
  settings.read_entry = replication::read_entry;
  settings.voters = voters_in;
  settings.replicated = from.cluster.enabled();
  auto merged = storage::merge_copies(backups, to, settings);
  told.error = std::move(merged.error);
  told.warnings = std::move(merged.warnings);
  told.done = "Restored " + std::to_string(merged.shards) + " shards, " +
              std::to_string(merged.records) + " records and " + std::to_string(merged.entries) +
              " entries of logs, from " + std::to_string(backups.size()) + " backups to " + to +
              (settings.replicated
                   ? ": the first node of a new cluster. Start it alone, without seeds and with "
                     "bootstrap_expect = 1; others join it with empty directories"
                   : ": a single node");
  return told;
}

}  // namespace troupe::node
