#pragma once

#include "storage/records/run_codec.hpp"
#include "storage/store.hpp"
#include "storage/write_operations.hpp"

#include <optional>
#include <unordered_map>

namespace troupe::storage {

struct transaction::content : write_operations {
  /// The open run of a session, a new one if it has none; its index.
  std::uint32_t run_of(session_id to);
  /// Adds what `encode` appends to the bytes to a run, whose number it is told.
  template <class Encode>
  stored_place add_to_run(session_id to, Encode encode);
  stored_place add_inside(session_id to, const owed_terms& terms, const mqtt::message& body);
  stored_place add_in_log(session_id to, const owed_terms& terms, const log_position& at,
                          bool sole);
  /// See transaction::shard().
  std::optional<shard_id> shard() const noexcept;
  entry_head& head();

  record::heads heads = record::heads::each;

 private:
  /// Whether the head of the run says that of the message; if not, it does from now on.
  bool has_head(std::uint32_t run, const mqtt::message& of);

  std::uint32_t find_run(session_id to);

  std::uint32_t latest_ = 0;  // the run that was added to
  std::uint32_t indexed_ = 0;
  std::unordered_map<session_id, std::uint32_t> index_;  // runs below indexed_
  std::vector<mqtt::message_ptr> heads_;                 // by run, if they are shared
};

}  // namespace troupe::storage
