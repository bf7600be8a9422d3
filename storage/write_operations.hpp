#pragma once

#include "protocol/mqtt/session_id.hpp"
#include "protocol/session/delivery.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// The numbers stand in encoded transactions (replication/transaction_codec): never change one.
enum class write_kind : std::uint8_t {
  append = 1,
  put_retained = 2,
  erase_retained = 3,
  /// Erased only if what is stored then has expired.
  expire_retained = 4,
  put_received = 5,
  erase_received = 6,
  put_session = 7,
  erase_session = 8,
  put_subscription = 9,
  erase_subscription = 10,
  settle = 11,
  put_outgoing = 12,
  erase_outgoing = 13,
  put_origin = 14,
  erase_origin = 15,
  put_choice = 16,
  erase_choice = 17,
};

/// One write of a transaction. `name` (topic or filter) and `value` (the
/// serialised record) stand one after the other at `at` in write_operations::bytes.
struct write_operation {
  write_kind kind{};
  session::body_place body{};  // settle
  bool lone = false;           // settle
  std::uint16_t shard = 0;     // of the body or the topic
  std::uint16_t index = 0;     // settle: of the first item; origins: the topic shard
  std::uint32_t count = 0;     // append: receivers; settle: items, one after the other
  std::uint32_t at = 0;
  std::uint32_t name_size = 0;
  std::uint32_t value_size = 0;
  session_id session;
  /// Settle: the run. Else packet id, wall milliseconds (expire_retained), limit (put_retained),
  /// publisher (origins, choices).
  std::uint64_t number = 0;
  std::uint64_t offset = 0;  // of the body; put_retained: index in write_operations::retained
};

/// What a transaction owes to one session: bytes in one or several pieces,
/// because the runs of several sessions grow side by side.
struct owed_run {
  session_id to;
  std::uint32_t count = 0;
  std::uint32_t size = 0;  // bytes
  std::uint32_t first_piece = 0;
  std::uint32_t last_piece = 0;
  bool counted = false;  // refers to shared bodies
  bool closed = false;   // a later one goes on
};

struct run_piece {
  static constexpr std::uint32_t none = UINT32_MAX;
  std::uint32_t at = 0;  // in write_operations::bytes
  std::uint32_t size = 0;
  std::uint32_t next = none;
};

/// What is done to a shard as a whole, in the place of a transaction.
enum class shard_task : std::uint8_t { none, drop, import_chunk };

/// What a transaction has more in a replicated store: which entry of the log of
/// which shard it is.
struct entry_head {
  static constexpr std::uint32_t mixed = UINT32_MAX;
  std::uint32_t shard = mixed;
  shard_task task = shard_task::none;
  std::uint64_t index = 0;  // 0: not from a log
  std::uint64_t term = 0;
  std::uint64_t first_order = 0;  // 0: what is next in the shard
};

/// What a transaction carries from a run loop to the writer. Records are
/// serialised by the run loop, so that the one writer only copies bytes.
struct write_operations {
  std::string bytes;
  std::vector<write_operation> list;
  std::vector<retained_message> retained;  // what put_retained brings, for memory
  std::vector<owed_run> runs;  // written after the list
  std::vector<run_piece> pieces;
  std::unique_ptr<entry_head> entry;  // null in a store of a single node

  std::size_t size() const noexcept {
    return bytes.size() + list.size() * sizeof(write_operation) + runs.size() * sizeof(owed_run);
  }
};

}  // namespace troupe::storage
