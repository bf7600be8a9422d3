#pragma once

#include "storage/database.hpp"
#include "storage/replication/shard_marks.hpp"
#include "storage/rocks_store.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace troupe::storage {

/// The marks of a shard in a store that is not running; `error` gets a sentence.
shard_marks marks_in(const database& store, std::uint16_t shard, std::string& error);

/// A store that is made of copies of others, shard by shard: a replicated one, until it is
/// finished. One thread; every call blocks, and answers a sentence if it fails.
class merged_store {
 public:
  merged_store(std::string directory, std::uint16_t shards);

  std::string open();
  /// The whole shard as a copy has it.
  std::string take(const database& from, std::uint16_t shard);
  /// The next entry of the shard's log.
  std::string apply(std::uint16_t shard, std::uint64_t index, std::uint64_t term,
                    transaction writes);
  /// Makes it a store that begins: of a node alone, or of replicas of which each is the first of
  /// its group (shard_marks::restored). What shards noted of the QoS 2 messages of other shards'
  /// publishers is forgotten: the copies are of different moments, and a message that seems to have
  /// come before may be another one.
  std::string finish(bool replicated);

  std::uint64_t records() const noexcept { return records_; }
  std::uint64_t entries() const noexcept { return entries_; }

 private:
  void drain();
  store_options options() const;
  std::string cannot_write(const std::string& why) const;
  std::string forget_origins(const database& db, std::uint16_t shard) const;
  std::string rewrite(const database& db, bool replicated) const;

  const std::string directory_;
  const std::uint16_t shards_;
  std::unique_ptr<rocks_store> store_;
  std::uint64_t records_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t given_ = 0;  // since the last drain, bytes about
};

}  // namespace troupe::storage
