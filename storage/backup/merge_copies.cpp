#include "storage/backup/merge_copies.hpp"

#include "storage/backup/backup_files.hpp"
#include "storage/backup/merged_store.hpp"
#include "storage/database.hpp"
#include "storage/raft/rocks_raft_log.hpp"
#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <shared_mutex>
#include <utility>

namespace troupe::storage {
namespace {

namespace fs = std::filesystem;

/// A backup that is read, and not written.
struct given_copy {
  std::string path;
  backup_info info;
  std::unique_ptr<database> store;
  std::unique_ptr<rocks_raft_log> log;
  std::uint16_t shards = 0;
};

std::string open(given_copy& copy) {
  copy.info = read_backup(copy.path);
  if (!copy.info.error.empty()) return copy.info.error;
  if (copy.info.cluster == 0)
    return "The backup " + copy.path + " is of a single node: it is restored alone, or not at all.";
  if (auto wrong = backup::check_complete(copy.path, copy.info); !wrong.empty()) return wrong;
  const auto damaged = [&](const std::string& why) {
    return "The backup " + copy.path + " is damaged: " + why;
  };
  auto store = database::open_copy(copy.path);
  if (!store.value) return damaged(store.error);
  copy.store = std::move(store.value);
  rocksdb::PinnableSlice value;
  const auto status = copy.store->get(family::meta, meta::directory, value);
  const auto found = status.ok() ? record::decode_directory(view(value)) : std::nullopt;
  if (!found || found->version != record::replicated_layout_version)
    return damaged("its directory record cannot be read, or is not one of a cluster.");
  copy.shards = found->shards;
  raft_log_options options;
  options.directory = copy.path + "/" + backup::raft_directory;
  options.read_only = true;
  auto log = rocks_raft_log::open(std::move(options));
  if (!log.value) return damaged(log.error);
  copy.log = std::move(log.value);
  return {};
}

/// Whether they may be put together; a sentence if not.
std::string check_together(const std::vector<given_copy>& copies) {
  const auto& first = copies.front();
  for (const auto& each : copies) {
    if (each.info.cluster != first.info.cluster)
      return "The backups " + first.path + " and " + each.path + " are of different clusters.";
    if (each.shards != first.shards)
      return "The backups " + first.path + " and " + each.path +
             " have different numbers of shards.";
    for (const auto& other : copies) {
      if (&other != &each && other.info.node == each.info.node)
        return "The backups " + each.path + " and " + other.path + " are of the same node.";
    }
  }
  return {};
}

std::string shard_text(std::uint16_t shard) {
  return "shard " + std::to_string(shard);
}

/// Numbers as "0, 1, 2 and 9 more".
std::string list_of(const std::vector<std::uint16_t>& shards) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(shards.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shards[i]);
  if (shards.size() > most) text += " and " + std::to_string(shards.size() - most) + " more";
  return text;
}

class merging {
 public:
  merging(const std::vector<given_copy>& copies, const merge_settings& settings,
          merged_copies& told)
      : copies_(copies), settings_(settings), told_(told) {}

  /// A sentence if it fails.
  std::string run(const std::string& directory) {
    told_.shards = copies_.front().shards;
    merged_store to(directory, told_.shards);
    if (auto error = to.open(); !error.empty()) return error;
    for (std::uint16_t shard = 0; shard < told_.shards; ++shard)
      if (auto error = merge(shard, to); !error.empty()) return error;
    if (!missing_.empty())
      return "No copy of shards " + list_of(missing_) +
             " is in these backups, or none that is whole: give those of the other nodes, too.";
    warn();
    told_.records = to.records();
    told_.entries = to.entries();
    return to.finish(settings_.replicated);
  }

 private:
  std::string merge(std::uint16_t shard, merged_store& to) {
    std::vector<backup::replica_copy> replicas;
    for (const auto& copy : copies_) {
      auto& one = replicas.emplace_back();
      one.node = copy.info.node;
      std::string error;
      one.marks = marks_in(*copy.store, shard, error);
      if (!error.empty()) return "The backup " + copy.path + " is damaged: " + error;
      auto loaded = copy.log->load(shard + 1U);  // group 0 is the members'
      if (!loaded.error.empty()) return "The backup " + copy.path + " is damaged: " + loaded.error;
      one.log = std::move(loaded.content);
    }
    const auto choice = backup::choose_replica(replicas, settings_.voters);
    if (!choice) {
      missing_.push_back(shard);
      return {};
    }
    if (!choice->sufficient()) few_.push_back(shard);
    if (choice->state) {
      if (auto error = to.take(*copies_[*choice->state].store, shard); !error.empty()) return error;
    }
    if (!choice->log) return {};
    const auto from = choice->state ? replicas[*choice->state].marks.index + 1 : 1;
    const auto& log = replicas[*choice->log].log;
    for (auto index = std::max(from, log.first); index - log.first < log.entries.size(); ++index) {
      const auto& entry = log.entries[index - log.first];
      if (entry.kind != raft_entry_kind::command) continue;
      auto read = settings_.read_entry(entry.bytes);
      if (!read.error.empty())
        return "The log of " + shard_text(shard) + " in the backup " + copies_[*choice->log].path +
               " cannot be read: " + read.error;
      if (auto error = to.apply(shard, index, entry.term, std::move(read.value)); !error.empty())
        return error;
    }
    return {};
  }

  void warn() {
    if (!few_.empty())
      told_.warnings.push_back(
          "Of shards " + list_of(few_) +
          " these backups have fewer than a majority of the replicas, or not the farthest whole: "
          "what was acknowledged shortly before may be missing.");
    const auto& first = copies_.front().info;
    if (std::ranges::any_of(copies_,
                            [&](const auto& each) { return each.info.begun != first.begun; }))
      told_.warnings.push_back(
          "The backups were not made by one order: what was acknowledged before the oldest of them "
          "is there, of what came later only a part may be.");
  }

  const std::vector<given_copy>& copies_;
  const merge_settings& settings_;
  merged_copies& told_;
  std::vector<std::uint16_t> missing_;
  std::vector<std::uint16_t> few_;
};

}  // namespace

merged_copies merge_copies(const std::vector<std::string>& paths, const std::string& data_dir,
                           const merge_settings& settings) {
  merged_copies told;
  std::vector<given_copy> copies(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    copies[i].path = paths[i];
    if (told.error = open(copies[i]); !told.error.empty()) return told;
  }
  if (copies.empty()) told.error = "There is no backup to restore.";
  if (told.error.empty()) told.error = check_together(copies);
  if (told.error.empty()) told.error = backup::make_empty(data_dir);
  if (!told.error.empty()) return told;
  const auto building = data_dir + "/" + restoring_directory;
  told.error = merging(copies, settings, told).run(building);
  std::error_code ignored;
  if (told.error.empty()) {
    // Who is banned is known to all nodes; one word more or less is not worth a refusal.
    for (const auto& each : copies) {
      if (fs::copy_file(each.path + "/banned.json", building + "/banned.json", ignored)) break;
    }
    told.error = backup::move_files(building, data_dir);
  } else {
    // Nothing of it is of use, and the directory was empty.
    fs::remove_all(building, ignored);
  }
  return told;
}

}  // namespace troupe::storage
