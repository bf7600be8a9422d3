#pragma once

#include "storage/database.hpp"
#include "storage/replication/shard_states.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::storage {

/// The column families and prefixes that hold what belongs to a shard, in the order of a view.
struct shard_part {
  family which;
  std::string prefix;

  static constexpr std::size_t count = 9;
  static shard_part at(std::size_t number, std::uint16_t shard);
};

/// Everything of a shard at one moment, row by row. Retained messages that are only in the
/// journal are rows of their table. Used by one thread at a time, who holds the gate of the
/// database.
class shard_view {
 public:
  struct row {
    family which;
    std::string_view key;
    std::string_view value;
  };
  enum class progress { more, end, failed };

  /// The database is open.
  shard_view(const database& of, std::uint16_t shard);

  /// Once, before anything else. A sentence if it cannot be read.
  std::string begin();
  std::uint16_t shard() const noexcept { return shard_; }
  const shard_states::state& state() const noexcept { return state_; }

  /// Visits rows from where the last call ended until `visit` says that it was enough for now.
  progress next(const std::function<bool(const row&)>& visit);
  /// A single record as of this moment.
  rocksdb::Status get(family which, std::string_view key, rocksdb::PinnableSlice& value) const {
    return at_.get(which, key, value);
  }

 private:
  using changes = std::map<std::string, std::optional<std::string>, std::less<>>;
  std::string read_journal();
  progress visit_part(const shard_part& part, const std::function<bool(const row&)>& visit);
  progress visit_retained(const shard_part& part, const std::function<bool(const row&)>& visit);

  const database& db_;
  const database::snapshot at_;
  const std::uint16_t shard_;
  shard_states::state state_;
  changes journal_;  // by key of the table
  std::size_t part_ = 0;
  std::string from_;  // key in the part; empty: its begin
};

}  // namespace troupe::storage
