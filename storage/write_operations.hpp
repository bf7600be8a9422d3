#pragma once

#include "protocol/mqtt/session_id.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

enum class write_kind : std::uint8_t {
  append,
  owe,
  put_retained,
  erase_retained,
  /// Erased only if what is stored then has expired.
  expire_retained,
  put_received,
  erase_received,
  put_session,
  erase_session,
  put_subscription,
  erase_subscription,
  settle,
  put_outgoing,
  erase_outgoing,
};

/// One write of a transaction. `name` (topic or filter) and `value` (the
/// serialised record) stand one after the other in write_operations::bytes, in
/// the order of the operations.
struct write_operation {
  write_kind kind{};
  bool sole = false;
  std::uint16_t shard = 0;      // of the body or the topic
  std::uint32_t receivers = 0;  // append
  std::uint32_t name_size = 0;
  std::uint32_t value_size = 0;
  session_id session;
  std::uint64_t number = 0;  // order number, packet id, wall milliseconds (expire_retained), limit (put_retained)
  std::uint64_t offset = 0;  // of the body
};

/// What a transaction carries from a run loop to the writer. Records are
/// serialised by the run loop, so that the one writer only copies bytes.
struct write_operations {
  std::string bytes;
  std::vector<write_operation> list;

  std::size_t size() const noexcept { return bytes.size() + list.size() * sizeof(write_operation); }
};

}  // namespace troupe::storage
