#pragma once

#include "storage/replication/transaction_codec.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::replication {

/// A command in the log of a shard's group: a version byte, the number of the first message
/// that it owes (8, little-endian, 0: it owes none), and an encoded transaction.
class entry_writer {
 public:
  /// Adds an encoded transaction that owes so many messages. The bytes of several
  /// transactions one after another are those of one that does all of it, first their writes,
  /// then what they owe: only the last one may owe anything.
  void add(std::string_view transaction, std::uint64_t owed);
  bool empty() const noexcept { return bytes_.empty(); }
  std::size_t size() const noexcept { return bytes_.size(); }
  std::uint64_t owed() const noexcept { return owed_; }
  /// Whether another one may come behind it.
  bool open() const noexcept { return owed_ == 0; }
  /// The entry; begins a new one.
  std::string take(storage::order_no first_order);

 private:
  std::string bytes_;
  std::uint64_t owed_ = 0;
};

/// Of a damaged or newer entry a sentence: its replica must not go on.
storage::decoded_transaction read_entry(std::string_view entry);

}  // namespace troupe::replication
