#pragma once

#include "storage/backup/backup.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace troupe::storage::backup {

/// Written last.
inline constexpr const char* info_file = "backup";
/// In the backup of a node of a cluster: its Raft log.
inline constexpr const char* raft_directory = "raft";

backup_info read_info(const std::string& directory);
/// Counts the files of the directory, syncs them and makes a backup of it; a sentence if that
/// fails.
std::string finish(const std::string& directory, backup_info& info);
/// Makes the directory; a sentence if it is there and has anything in it.
std::string make_empty(const std::string& directory);
/// A sentence if there are not as many files and bytes as the info says.
std::string check_complete(const std::string& directory, const backup_info& info);
/// All but the info file, each synced, CURRENT last: without it no store opens.
std::string copy_files(const std::string& from, const std::string& to, const backup_info& info);
/// All that is in `from`, a directory within `to`, each synced, CURRENT last; then `from` goes.
std::string move_files(const std::string& from, const std::string& to);

}  // namespace troupe::storage::backup
