#pragma once

#include "storage/database.hpp"
#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace troupe::storage {

/// The sessions of each shard that were erased last, as every replica remembers them: by
/// their number, not by when its own clean-up was done. What is written late to one of these is
/// dropped. One is forgotten only when it is clean. Writer thread.
class gone_sessions {
 public:
  static constexpr std::size_t remembered = 1024;  // of each shard

  explicit gone_sessions(std::uint16_t shards) : shards_(shards) {}

  /// Reads all; `each` is told of every session. A sentence if it fails.
  template <class Each>
  std::string load(const database& from, Each each) {
    for (auto& shard : shards_) shard = {};
    database::range records(from, family::meta, meta::gone_session,
                            after_prefix(meta::gone_session));
    for (; records.valid(); records.next()) {
      const auto key = records.key().substr(meta::gone_session.size());
      const auto id = record::decode_number(records.value());
      if (key.size() != 10 || !id) return "An erased session of the store is damaged.";
      const auto shard = keys::number_at(key, 0, 2);
      if (shard >= shards_.size()) continue;
      auto& ring = shards_[shard];
      ring.next = keys::number_at(key, 2, 8) + 1;
      ring.list.push_back({ring.next - 1, session_id(*id), true});
      each(session_id(*id));
    }
    return records.status().ok()
               ? std::string{}
               : "The erased sessions cannot be read: " + records.status().ToString() + ".";
  }
  /// Found by load(): its clean-up goes on.
  void unclean(session_id id) { mark(id, false); }

  void add(session_id id, const database& db, rocksdb::WriteBatch& batch) {
    auto& ring = shards_[number(id.shard())];
    std::string bytes;
    record::encode_number(id.value, bytes);
    batch.Put(db.handle(family::meta), slice(meta::gone(number(id.shard()), ring.next)), bytes);
    ring.list.push_back({ring.next++, id, false});
  }
  void clean(session_id id) { mark(id, true); }

  /// The next entry has to wait until more is clean.
  bool crowded(std::uint16_t shard) const {
    const auto& list = shards_[shard].list;
    const auto over = list.size() - std::min(list.size(), remembered);
    return std::any_of(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(over),
                       [](const gone& one) { return !one.clean; });
  }
  /// At the begin of an entry: forgets the oldest beyond the limit; `each` is told of them.
  template <class Each>
  void trim(std::uint16_t shard, const database& db, rocksdb::WriteBatch& batch, Each each) {
    auto& list = shards_[shard].list;
    for (; list.size() > remembered; list.pop_front()) {
      batch.Delete(db.handle(family::meta), slice(meta::gone(shard, list.front().count)));
      each(list.front().id);
    }
  }

 private:
  struct gone {
    std::uint64_t count = 0;
    session_id id;
    bool clean = false;
  };
  struct shard_list {
    std::deque<gone> list;
    std::uint64_t next = 1;
  };

  void mark(session_id id, bool clean) {
    if (number(id.shard()) >= shards_.size()) return;
    for (auto& one : shards_[number(id.shard())].list) {
      if (one.id == id) one.clean = clean;
    }
  }

  std::vector<shard_list> shards_;
};

}  // namespace troupe::storage
