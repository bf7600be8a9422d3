#pragma once

#include "storage/store.hpp"

#include <string>
#include <vector>

namespace troupe::storage {

struct retained_answer {
  retained_page page;
  /// Met and left out: the caller has them erased.
  using topic_of_shard = retained_page::topic_of_shard;
  std::vector<topic_of_shard> expired;
};

/// Topics that one page looks at, so that a filter that matches rarely does
/// not keep a reader from the others.
inline constexpr std::uint32_t retained_page_steps = 20000;
inline constexpr std::uint64_t retained_page_bytes = 1U << 20;

/// First byte of a cursor: what follows is a key of the table, or a path in memory.
inline constexpr char table_cursor = 't';
inline constexpr char memory_cursor = 'm';

}  // namespace troupe::storage
