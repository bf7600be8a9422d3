#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Copies of the data directory of a node, made while it runs (rocks_store::backup()) and put
/// back while it does not. A backup is a directory: the store as it was at one moment (hard links
/// where the disk allows it), the small files beside it, of a node of a cluster its Raft log in
/// `raft`, and last the file `backup`, without which it is unfinished. What was copied of a single
/// node is put back as it was (restore_backup()), the copies of the nodes of a cluster are merged
/// into a store that begins anew (merge_copies.hpp).
namespace troupe::storage {

/// What the file `backup` says.
struct backup_info {
  std::string name;        // of its directory
  std::int64_t begun = 0;  // wall milliseconds: what was answered by then is in it
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  /// Ids of the cluster and of the node in it; 0: it is of a single node.
  std::uint64_t cluster = 0;
  std::uint64_t node = 0;
  std::string error;  // a sentence: there is none, or it cannot be read
};

/// What is to be copied, and to where.
struct backup_order {
  std::string directory;  // of all backups
  std::string name;
  std::int64_t begun = 0;                // backup_info::begun
  std::vector<std::string> small_files;  // of the data directory, those that are there
  std::uint64_t cluster = 0;             // as in backup_info
  std::uint64_t node = 0;
  /// Of a replicated store: copies the Raft log to a directory that is not there yet, before the
  /// store is copied; a sentence if that fails.
  std::function<std::string(const std::string& directory)> copy_log;
};

/// Names that a backup may have: letters, digits, '.', '_' and '-', at most 100, no '.' first.
bool is_backup_name(std::string_view name) noexcept;

/// The finished ones in a directory, by name. Blocks.
std::vector<backup_info> list_backups(const std::string& directory);

/// Whether there is one of that name, unfinished or not. Blocks.
bool has_backup(const std::string& directory, const std::string& name);

/// Deletes a backup, unfinished or not; a sentence if that cannot be done. Blocks.
std::string delete_backup(const std::string& directory, const std::string& name);

/// What the file `backup` in this directory says. Blocks.
backup_info read_backup(const std::string& backup);

/// Reads all of the backup of a single node and makes a data directory of it, which must not be
/// there yet or be empty. What a restore that was interrupted leaves behind does not start. Blocks.
backup_info restore_backup(const std::string& backup, const std::string& data_dir);

}  // namespace troupe::storage
