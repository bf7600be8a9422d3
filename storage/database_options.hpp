#pragma once

#include "storage/database.hpp"
#include "storage/store_options.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/options.h>

#include <memory>

namespace troupe::storage {

/// RocksDB settings of a node's store: bounded memory (block cache, memtables,
/// open files, write-ahead log), two background threads, no timers.
rocksdb::DBOptions make_database_options(const store_options& options, rocksdb::Env& env);

std::shared_ptr<rocksdb::Cache> make_block_cache(const store_options& options);

rocksdb::ColumnFamilyOptions make_family_options(family which,
                                                 const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace troupe::storage
