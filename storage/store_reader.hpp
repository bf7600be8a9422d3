#pragma once

#include "storage/database.hpp"
#include "storage/records/queue_scan.hpp"
#include "storage/replication/shard_replicas.hpp"
#include "storage/retained/retained_answer.hpp"
#include "storage/store.hpp"
#include "storage/store_writer.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::storage {

/// The queries of the store, each on the thread that calls it. Thread-safe:
/// holds nothing but the database. A record that cannot be read is reported
/// and left out; an error of the disk makes the answer `failed`.
class store_reader {
 public:
  store_reader(const database& db, const store_writer& writer, std::uint16_t shards,
               std::function<shard_id(std::string_view)> shard_of,
               std::function<void(std::string_view)> report);

  owed_page read_owed(session_id id, order_no after, std::uint32_t max_count,
                      std::uint64_t max_bytes) const;
  /// Counts as queued what is owed up to `through`.
  session_contents read_contents(session_id id, order_no through) const;
  /// What read_contents() counts for whoever names nothing.
  order_no order_at_open() const noexcept {
    return writer_.replicated() ? UINT64_MAX : writer_.order_at_open();
  }
  shard_marks marks(shard_id shard) const { return writer_.states().published(number(shard)); }
  std::optional<owed_message> read_one(session_id id, order_no order) const;

  retained_answer read_retained(std::string_view filter, std::string_view cursor,
                                std::uint32_t max_count, std::int64_t now_ms) const;

  directory_page read_directory(shard_id shard, std::string_view cursor,
                                std::uint32_t max_count) const;

  /// Both throw std::runtime_error with a sentence that names the way out if a
  /// record cannot be read: a node must not start with half of its sessions.
  void each_session(shard_id shard, const std::function<void(session_record)>& visit) const;
  void each_subscription(shard_id shard,
                         const std::function<void(session_id, subscription_record)>& visit) const;

 private:
  /// What a page may still take.
  struct page_room {
    std::uint32_t count = 0;
    std::uint64_t bytes = 0;
    std::uint64_t used = 0;  // bytes
  };
  /// Adds what is owed of a run. False if the page is full or the disk fails.
  bool read_run(const queue_scan& scan, session_id id, order_no after_order, page_room& room,
                owed_page& page) const;
  bool is_owed(session_id id, order_no run, std::uint16_t index) const;
  rocksdb::Status read_body(const log_position& at, mqtt::message_ptr& body) const;
  bool read_qos2(session_id id, session_contents& into) const;
  retained_answer scan_retained(std::string_view filter, std::string_view cursor,
                                std::uint32_t max_count, std::int64_t now_ms) const;
  retained_message retained_at(std::string_view topic, std::string_view value) const;
  retained_answer read_one_retained(std::string_view topic, std::int64_t now_ms) const;
  /// Adds those of the page's last session. False if the page is full or the disk fails.
  bool read_subscriptions(session_id id, std::string_view from, const database::snapshot& now,
                          page_room& room, directory_page& page) const;
  /// Adds origins and choices, from that key on if it is not empty.
  void read_origins(shard_id shard, std::string_view from, const database::snapshot& now,
                    page_room& room, directory_page& page) const;
  void report(std::string_view what, session_id id) const;
  [[noreturn]] void refuse(std::string_view what, const std::string& detail) const;

  const database& db_;
  const store_writer& writer_;
  std::uint16_t shards_;
  std::function<shard_id(std::string_view)> shard_of_;
  std::function<void(std::string_view)> report_;
};

}  // namespace troupe::storage
