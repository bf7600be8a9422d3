#pragma once

#include "storage/backup/backup.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace troupe::storage::backup {

/// Written last.
inline constexpr const char* info_file = "backup";

backup_info read_info(const std::string& directory);
/// Counts the files of the directory, syncs them and makes a backup of it; a sentence if that fails.
std::string finish(const std::string& directory, backup_info& info);
/// All but the info file, each synced, CURRENT last: without it no store opens.
std::string copy_files(const std::string& from, const std::string& to, const backup_info& info);

}  // namespace troupe::storage::backup
