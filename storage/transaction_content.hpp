#pragma once

#include "storage/store.hpp"
#include "storage/write_operations.hpp"

#include <optional>
#include <unordered_map>

namespace troupe::storage {

struct transaction::content : write_operations {
  /// The open run of a session, a new one if it has none; its index.
  std::uint32_t run_of(session_id to);
  /// Adds what `encode` appends to the bytes to a run.
  template <class Encode>
  stored_place add_to_run(session_id to, Encode encode);
  /// See transaction::shard().
  std::optional<shard_id> shard() const noexcept;
  entry_head& head();

 private:
  std::uint32_t find_run(session_id to);

  std::uint32_t latest_ = 0;  // the run that was added to
  std::uint32_t indexed_ = 0;
  std::unordered_map<session_id, std::uint32_t> index_;  // runs below indexed_
};

}  // namespace troupe::storage
