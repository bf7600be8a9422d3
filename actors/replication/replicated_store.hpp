#pragma once

#include "actors/replication/replication_context.hpp"
#include "storage/replication/shard_replicas.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe::replication {

/// The durable state of a node of a cluster. A commit goes into the log of its shard, if this
/// node owns it, and is answered when a majority has it and this node has
/// applied it; reads are served by the local store when all commits to their shard that were given
/// before have been answered. Any thread.
///
/// A commit that was not answered with success may have happened or not if leadership was
/// lost meanwhile; the sentence says so. Commits and reads of one shard keep their order.
class replicated_store final : public storage::store, public storage::shard_replicas {
 public:
  explicit replicated_store(std::shared_ptr<replication_context> context);

  /// Refused if this node is not the owner, or not in the epoch of the transaction.
  /// One that nobody waits for (`done` null) goes with the next one, or after half a heartbeat.
  void commit(storage::transaction writes, committed done) override;

  void read_owed(session_id id, storage::order_no after, std::uint32_t max_count,
                 std::uint64_t max_bytes, std::function<void(storage::owed_page)> done) override;
  void read_contents(session_id id,
                     std::function<void(storage::session_contents)> done) override;
  void read_contents(session_id id, storage::order_no through,
                     std::function<void(storage::session_contents)> done) override;
  void read_one(session_id id, storage::order_no order,
                std::function<void(std::optional<storage::owed_message>)> done) override;
  /// A filter with wildcards waits for the commits to all shards.
  void read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                     std::int64_t now_ms,
                     std::function<void(storage::retained_page)> done) override;
  void each_session(shard_id shard,
                    const std::function<void(storage::session_record)>& visit) override;
  void each_subscription(shard_id shard,
                         const std::function<void(session_id, storage::subscription_record)>& visit)
      override;
  std::uint64_t next_offset(shard_id shard) override;
  std::uint64_t next_session_count(shard_id shard) override;
  std::uint16_t shards() const override;
  figures current() const override;
  /// Given to commit() and not answered.
  std::uint64_t backlog_bytes() const noexcept override;
  /// Refuses from now on. What was given is answered when the groups end; the local store is
  /// closed by its owner.
  void close() override;

  // --- of the local store ---
  storage::shard_marks marks(shard_id shard) const override;
  void read_directory(shard_id shard, std::string cursor, std::uint32_t max_count,
                      std::function<void(storage::directory_page)> done) override;
  void export_shard(shard_id shard, exporting done) override;
  void import_chunk(shard_id shard, std::string bytes, committed done) override;
  void drop_shard(shard_id shard, committed done) override;
  void read_checksum(shard_id shard, std::function<void(storage::shard_checksum)> done) override;

 private:
  void after_commits(shard_id shard, std::function<void(bool run)> read);

  const std::shared_ptr<replication_context> context_;
};

}  // namespace troupe::replication
