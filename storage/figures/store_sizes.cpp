#include "storage/figures/store_sizes.hpp"

#include "storage/database.hpp"

#include <rocksdb/db.h>
#include <rocksdb/transaction_log.h>

#include <shared_mutex>

namespace troupe::storage {
namespace {

std::uint64_t property(const database& db, rocksdb::ColumnFamilyHandle* of,
                       const std::string& name) {
  std::uint64_t value = 0;
  return db.db().GetIntProperty(of, name, &value) ? value : 0;
}

/// Big-endian: a shard is one range in every family whose keys begin with it.
std::string key_of(std::uint32_t shard) {
  return {static_cast<char>(shard >> 8), static_cast<char>(shard)};
}

bool by_shard(family which) {
  return which != family::meta && which != family::retained_journal;
}

void add_shards(const database& db, family which, std::vector<std::uint64_t>& to) {
  std::vector<std::string> bounds;
  for (std::uint32_t shard = 0; shard <= to.size(); ++shard) bounds.push_back(key_of(shard));
  std::vector<rocksdb::Range> ranges;
  for (std::size_t i = 0; i < to.size(); ++i) ranges.emplace_back(bounds[i], bounds[i + 1]);
  std::vector<std::uint64_t> sizes(to.size());
  rocksdb::SizeApproximationOptions how;
  how.include_memtables = true;
  how.include_files = true;
  const auto status = db.db().GetApproximateSizes(how, db.handle(which), ranges.data(),
                                                  static_cast<int>(ranges.size()), sizes.data());
  if (!status.ok()) return;
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += sizes[i];
}

}  // namespace

store_sizes sizes_of(const database& db, std::uint16_t shards) {
  using properties = rocksdb::DB::Properties;
  std::shared_lock hold(db.gate());
  store_sizes all;
  if (!db.is_open()) {
    all.error = "The store is closed after an error of the disk.";
    return all;
  }
  all.shards.resize(shards);
  for (std::size_t i = 0; i < family_count; ++i) {
    const auto which = static_cast<family>(i);
    auto* const handle = db.handle(which);
    all.families.push_back({handle->GetName(),
                            property(db, handle, properties::kTotalSstFilesSize),
                            property(db, handle, properties::kEstimateNumKeys),
                            property(db, handle, properties::kCurSizeAllMemTables),
                            property(db, handle, properties::kEstimatePendingCompactionBytes)});
    if (by_shard(which)) add_shards(db, which, all.shards);
  }
  rocksdb::VectorLogPtr logs;
  if (db.db().GetSortedWalFiles(logs).ok())
    for (const auto& each : logs) all.log_bytes += each->SizeFileBytes();
  return all;
}

}  // namespace troupe::storage
