#include "storage/backup/backup.hpp"

#include "storage/backup/backup_files.hpp"
#include "storage/database_options.hpp"
#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"

#include <rocksdb/db.h>

#include <algorithm>
#include <memory>

namespace troupe::storage {
namespace {

namespace fs = std::filesystem;

/// Opens it for reading and reads every block; a sentence if something of it is damaged, or it
/// belongs to a node of a cluster.
std::string verify(const std::string& backup) {
  const auto damaged = [&](const std::string& why) {
    return "The backup " + backup + " is damaged: " + why + ". Take another one.";
  };
  rocksdb::DBOptions options;
  std::vector<std::string> names;
  if (auto listed = rocksdb::DB::ListColumnFamilies(options, backup, &names); !listed.ok())
    return damaged(listed.ToString());
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  if (auto status = rocksdb::DB::OpenForReadOnly(options, backup, families, &handles, &opened);
      !status.ok())
    return damaged(status.ToString());
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::string error;
  std::string value;
  if (auto status = db->Get({}, db->DefaultColumnFamily(), meta::directory, &value); !status.ok())
    error = damaged(status.ToString());
  else if (const auto found = record::decode_directory(value); !found)
    error = damaged("its directory record cannot be read");
  else if (found->version == record::replicated_layout_version)
    error = damaged("the file " + std::string(backup::info_file) + " does not name its cluster");
  if (error.empty())
    if (auto status = db->VerifyChecksum(); !status.ok()) error = damaged(status.ToString());
  for (auto* handle : handles) (void)db->DestroyColumnFamilyHandle(handle);
  return error;
}

}  // namespace

bool is_backup_name(std::string_view name) noexcept {
  constexpr std::size_t longest = 100;
  return !name.empty() && name.size() <= longest && name.front() != '.' &&
         std::ranges::all_of(name, [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '_' || c == '-';
         });
}

std::vector<backup_info> list_backups(const std::string& directory) {
  std::vector<backup_info> all;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    auto info = backup::read_info(at->path().native());
    if (info.error.empty()) all.push_back(std::move(info));
  }
  std::ranges::sort(all, {}, &backup_info::name);
  return all;
}

bool has_backup(const std::string& directory, const std::string& name) {
  std::error_code error;
  return is_backup_name(name) && fs::is_directory(directory + "/" + name, error);
}

std::string delete_backup(const std::string& directory, const std::string& name) {
  const auto path = directory + "/" + name;
  std::error_code error;
  if (!has_backup(directory, name)) return "There is no backup " + name + " in " + directory + ".";
  // First what makes it one: half of it must not be taken for a backup.
  fs::remove(path + "/" + backup::info_file, error);
  if (!error) fs::remove_all(path, error);
  return error ? "The backup " + path + " cannot be deleted: " + error.message() + "."
               : std::string();
}

backup_info read_backup(const std::string& backup) {
  return backup::read_info(backup);
}

backup_info restore_backup(const std::string& backup, const std::string& data_dir) {
  auto info = backup::read_info(backup);
  if (!info.error.empty()) return info;
  const auto fails = [&](std::string sentence) {
    info.error = std::move(sentence);
    return info;
  };
  if (auto wrong = backup::make_empty(data_dir); !wrong.empty()) return fails(std::move(wrong));
  if (auto wrong = verify(backup); !wrong.empty()) return fails(std::move(wrong));
  if (auto wrong = backup::copy_files(backup, data_dir, info); !wrong.empty())
    return fails(std::move(wrong));
  return info;
}

}  // namespace troupe::storage
