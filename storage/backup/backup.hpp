#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Copies of the data directory of a single node, made while it runs (rocks_store::backup()) and put
/// back while it does not. A backup is a directory: the store as it was at one moment (hard links
/// where the disk allows it), the small files beside it, and last the file `backup`, without which
/// it is unfinished.
namespace troupe::storage {

/// What the file `backup` says.
struct backup_info {
  std::string name;         // of its directory
  std::int64_t begun = 0;   // wall milliseconds: what was answered by then is in it
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  std::string error;        // a sentence: there is none, or it cannot be read
};

/// Names that a backup may have: letters, digits, '.', '_' and '-', at most 100, no '.' first.
bool is_backup_name(std::string_view name) noexcept;

/// The finished ones in a directory, by name. Blocks.
std::vector<backup_info> list_backups(const std::string& directory);

/// Deletes a backup, unfinished or not; a sentence if that cannot be done. Blocks.
std::string delete_backup(const std::string& directory, const std::string& name);

/// Reads all of the backup and makes a data directory of it, which must not be there yet or be
/// empty. What a restore that was interrupted leaves behind does not start. Blocks.
backup_info restore_backup(const std::string& backup, const std::string& data_dir);

}  // namespace troupe::storage
