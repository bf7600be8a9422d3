#include "storage/database_options.hpp"

#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/table_properties.h>

#include <algorithm>

namespace troupe::storage {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::uint64_t watched_stretch = 4096;  // keys

/// Has a table compacted of which half, or half of a stretch, is deletions: a
/// queue that was read and settled leaves a trail of them, which its next reader
/// would have to walk over. Unlike RocksDB's own, it counts single deletions.
class deletion_watch final : public rocksdb::TablePropertiesCollector {
 public:
  const char* Name() const override { return "troupe.deletion_watch"; }
  bool NeedCompact() const override { return wanted_; }
  rocksdb::UserCollectedProperties GetReadableProperties() const override { return {}; }

  rocksdb::Status AddUserKey(const rocksdb::Slice& /*key*/, const rocksdb::Slice& /*value*/,
                             rocksdb::EntryType type, rocksdb::SequenceNumber /*sequence*/,
                             std::uint64_t /*file_size*/) override {
    ++keys_;
    if (type == rocksdb::kEntryDelete || type == rocksdb::kEntrySingleDelete) {
      ++deletions_;
      if (++deletions_of_stretch_ >= watched_stretch / 2) wanted_ = true;
    }
    if (keys_ % watched_stretch == 0) deletions_of_stretch_ = 0;
    return rocksdb::Status::OK();
  }
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* /*properties*/) override {
    if (keys_ > 0 && deletions_ * 2 >= keys_) wanted_ = true;
    return rocksdb::Status::OK();
  }

 private:
  std::uint64_t keys_ = 0;
  std::uint64_t deletions_ = 0;
  std::uint64_t deletions_of_stretch_ = 0;
  bool wanted_ = false;
};

class deletion_watch_factory final : public rocksdb::TablePropertiesCollectorFactory {
 public:
  const char* Name() const override { return "troupe.deletion_watch"; }
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(Context /*of*/) override {
    return new deletion_watch;
  }
};

/// The shard of a key of `log` or `log_refs`. The begin of a deleted range, which is a shard alone,
/// has none: RocksDB 7.8 keeps ranges in a list of their own, but takes the same hints for it.
class shard_of_body final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "troupe.shard_of_body"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return {key.data(), 2}; }
  bool InDomain(const rocksdb::Slice& key) const override { return key.size() > 2; }
};

rocksdb::CompressionType best_compression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  const auto has = [&](rocksdb::CompressionType type) {
    return std::find(supported.begin(), supported.end(), type) != supported.end();
  };
  if (has(rocksdb::kLZ4Compression)) return rocksdb::kLZ4Compression;
  if (has(rocksdb::kSnappyCompression)) return rocksdb::kSnappyCompression;
  return rocksdb::kNoCompression;
}

}  // namespace

rocksdb::DBOptions make_database_options(const store_options& options, rocksdb::Env& env) {
  rocksdb::DBOptions db;
  db.env = &env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // A power cut may leave any tail of the log: what is readable before it is
  // kept, and a broker that then refused to start would help nobody.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.max_background_jobs = 2;
  db.max_open_files = 256;
  db.db_write_buffer_size = 48 * mebibyte;
  db.max_total_wal_size = 96 * mebibyte;
  db.wal_bytes_per_sync = mebibyte;
  db.bytes_per_sync = mebibyte;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  db.max_log_file_size = mebibyte;
  db.keep_log_file_num = 3;
  db.max_manifest_file_size = 16 * mebibyte;
  // One writer thread: nothing to coordinate.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  db.enable_thread_tracking = false;
  // A key that is erased twice is no reason to stop compactions.
  db.enforce_single_del_contracts = false;
  (void)options;
  return db;
}

std::shared_ptr<rocksdb::Cache> make_block_cache(const store_options& options) {
  rocksdb::LRUCacheOptions cache;
  cache.capacity = std::max<std::uint64_t>(options.cache_bytes, mebibyte);
  cache.num_shard_bits = 2;
  cache.high_pri_pool_ratio = 0.5;
  return rocksdb::NewLRUCache(cache);
}

rocksdb::ColumnFamilyOptions make_family_options(family which,
                                                 const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // Index and filter live in the cache, in parts: memory does not grow with
  // what is stored.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_top_level_index_and_filter = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = 4096;
  table.block_size = std::size_t{8} << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;

  rocksdb::ColumnFamilyOptions family_options;
  family_options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family_options.compression = best_compression();
  family_options.level_compaction_dynamic_level_bytes = true;
  const bool hot = which == family::log || which == family::queue || which == family::log_refs;
  family_options.write_buffer_size = (hot ? 16 : 4) * mebibyte;
  family_options.arena_block_size = std::size_t{64} << 10;
  family_options.max_write_buffer_number = 3;
  family_options.target_file_size_base = 16 * mebibyte;
  family_options.max_bytes_for_level_base = 64 * mebibyte;
  if (which == family::retained_journal) {
    // Few large records that are gone before long: mostly none reaches a file.
    family_options.write_buffer_size = 24 * mebibyte;
    family_options.compression = rocksdb::kNoCompression;
  }
  if (which == family::log || which == family::log_refs) {
    // Within a shard offsets come in order: insert next to the last one.
    family_options.memtable_insert_with_hint_prefix_extractor = std::make_shared<shard_of_body>();
  }
  if (which == family::queue) {
    family_options.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewFixedPrefixTransform(8));
  }
  if (which == family::queue) {
    // What is fetched before long mostly never reaches a file, the more the larger this is; and
    // what does is not compressed before it has stayed for a while.
    family_options.write_buffer_size = 32 * mebibyte;
    family_options.compression_per_level = {rocksdb::kNoCompression, best_compression()};
  }
  if (hot)
    family_options.table_properties_collector_factories.push_back(
        std::make_shared<deletion_watch_factory>());
  return family_options;
}

}  // namespace troupe::storage
